"""To whom a supplier gives a price list or an assortment: an organization, or a segment of his."""

from dataclasses import dataclass
from uuid import UUID

from catalog.customers.service import SEGMENTS
from catalog.products.service import company_of
from marketplace.kernel.errors import NotFound, invalid
from marketplace.platform.caller import Caller
from marketplace.platform.core import Platform
from marketplace.platform.database import Transaction


@dataclass(frozen=True, slots=True)
class Recipient:
    """A company, a unit with all below it, or a segment (then `company_id` is None)."""

    id: UUID
    company_id: UUID | None

    @property
    def is_segment(self) -> bool:
        """Tell a segment from an organization."""
        return self.company_id is None


async def recipient_of(
    platform: Platform, caller: Caller, organization_id: UUID | None, segment_id: UUID | None
) -> Recipient:
    """Read which of the two was named; raises InvalidInput unless it is one, and known.

    `hold` looks up the segment. Nobody gives himself anything: a company that also buys must not
    find its own hidden offers in its catalog.
    """
    if organization_id is None and segment_id is not None:
        return Recipient(segment_id, None)
    if organization_id is None or segment_id is not None:
        detail = "Name an organization or a segment, one of the two."
        raise invalid("/organization_id", "one_of_two", detail)
    company_id = await company_of(platform, organization_id)
    if company_id is None or company_id == caller.organization_id:
        detail = "There is no such organization to give this to."
        raise invalid("/organization_id", "unknown_organization", detail)
    return Recipient(organization_id, company_id)


async def hold(tx: Transaction, caller: Caller, recipient: Recipient) -> None:
    """Keep a segment from being deleted meanwhile; raises InvalidInput where it is not his."""
    if not recipient.is_segment:
        return
    try:
        await SEGMENTS.locked(tx, caller, recipient.id, shared=True)
    except NotFound as error:
        raise invalid("/segment_id", "unknown_segment", error.detail) from error
