"""Customers and segments on the wire; all of it for the supplier alone."""

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from msgspec import Meta, field

from marketplace.kernel.limits import LINES_MAX
from marketplace.platform.http.schemas import Input, Name, Output

Companies = Annotated[list[UUID], Meta(max_length=LINES_MAX)]


class SegmentInput(Input):
    """A segment's name; its members never read it."""

    name: Name


class SegmentView(Output):
    """A segment as its supplier sees it."""

    id: UUID
    name: str
    version: int
    created_at: datetime
    updated_at: datetime
    member_count: int


class SegmentMembersInput(Input):
    """Companies to put in and to take out."""

    added: Companies = field(default_factory=list)
    removed: Companies = field(default_factory=list)


class SegmentMembersView(Output):
    """What that came to: those in already, and those that were not in, changed nothing."""

    version: int
    added: int
    removed: int
    unchanged: int


class SegmentMemberView(Output):
    """A company in a segment, and since when."""

    organization_id: UUID
    created_at: datetime


class CustomerInput(Input):
    """How two prices of one customer are weighed.

    ``priority``: the better level counts, as agreed, even where a lower level is cheaper.
    ``best_price``: the cheapest of all his prices counts.
    """

    price_policy: Literal["priority", "best_price"]


class CustomerView(Output):
    """What a supplier keeps of one customer."""

    buyer_id: UUID
    price_policy: Literal["priority", "best_price"]
    version: int
    created_at: datetime
    updated_at: datetime
