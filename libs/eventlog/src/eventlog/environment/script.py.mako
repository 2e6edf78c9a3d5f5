"""${message}."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
${imports if imports else ""}
revision = ${repr(up_revision)}
down_revision = ${repr(down_revision)}


def upgrade() -> None:
    """Say what happens to the rows; `eventlog.revision.make_again` has a view's rows made again from the events."""
    ${upgrades if upgrades else "pass"}


def downgrade() -> None:
    """Say what is lost, if anything."""
    ${downgrades if downgrades else "pass"}
