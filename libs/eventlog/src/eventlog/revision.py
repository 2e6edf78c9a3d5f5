"""What revisions need besides Alembic's own operations."""

from __future__ import annotations

from alembic import op
from sqlalchemy import text

from eventlog import rows


def make_again(view: str) -> None:
    """Have the rows of a view of own events made again from all events, once the revisions are through.

    Going up they are made by this version in the same transaction; going down by the older version when it starts. For a view
    that is new it happens anyway. Name a view that is dropped too, so that a later one of that name is not taken for made.
    """
    op.execute(text(f"DELETE FROM {rows.MADE_VIEWS} WHERE name = :view").bindparams(view=view))  # noqa: S608 - a constant
