"""Pages as connections: the cursors are those of REST."""

from typing import Generic, TypeVar

import strawberry

T = TypeVar("T")


@strawberry.type(description="Where a page ends.")
class PageInfo:
    """`end_cursor` is the `after` of the next page."""

    has_next_page: bool
    end_cursor: str | None


@strawberry.type(description="A page of rows; `totalCount` counts all that the filters match.")
class Connection(Generic[T]):  # noqa: UP046 - strawberry finds the type of `nodes` by this name
    """A page."""

    nodes: list[T]
    page_info: PageInfo
    total_count: int
