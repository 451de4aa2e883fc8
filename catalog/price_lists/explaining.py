"""Prices as their supplier has them explained: for a customer of his, with those of others beside.

The buyer's own statement cannot show what is not his. This one looks wider, over the supplier's
own rows alone: row security shows him no others.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final
from uuid import UUID

import msgspec
from sqlalchemy import ARRAY, Integer, Text, and_, any_, bindparam, exists, or_, select
from sqlalchemy.dialects.postgresql import distinct_on

from catalog.assortments.tables import AssortmentGrantRow, AssortmentOfferRow
from catalog.customers.tables import CustomerRow, SegmentMemberRow
from catalog.price_lists.candidate_reads import by_lines, line_arguments
from catalog.price_lists.candidates import Whose
from catalog.price_lists.floors import held_back
from catalog.price_lists.price_book import Found, found_by_line
from catalog.price_lists.schemas import PriceCheckInput
from catalog.price_lists.tables import PriceListAssignmentRow
from catalog.price_lists.visibility import COMPANY, SCOPES
from catalog.pricing.terms import Buyer, Loser
from catalog.products.rules import RESTRICTED
from catalog.products.service import company_of
from catalog.products.tables import OfferRow
from marketplace.contracts.tables import ContractPriceRow, ContractRow
from marketplace.kernel.errors import FieldError, InvalidInput, invalid
from marketplace.kernel.events import PUBLIC
from marketplace.kernel.limits import EXPLAINED_LINES_MAX, OTHERS_EXPLAINED_MAX
from marketplace.organizations.rules import path_to_company
from marketplace.organizations.tree import load_tree
from marketplace.platform.caller import Caller
from marketplace.platform.columns import another
from marketplace.platform.core import Platform
from marketplace.platform.database import Role, Transaction, system_transaction, transaction


class Looked(msgspec.Struct):
    """What was found for whom; `hidden` are the places of offers that he does not see."""

    found: Sequence[Found]
    buyer: Buyer
    clock: datetime
    hidden: Sequence[int] = ()
    held: Mapping[UUID, Sequence[Loser]] = {}

    def held_back(self, found: Found) -> Sequence[Loser]:
        """Give the prices of an offer that wait for a second person of its supplier."""
        return () if found.offer is None else self.held.get(found.offer.id, ())


async def path_of(platform: Platform, caller: Caller, organization_id: UUID) -> tuple[UUID, ...]:
    """Give the path of a unit of the caller's company, or of a customer of his.

    Raises InvalidInput for any other: that one exists is nobody's business who does not trade with
    it, nor is a unit beside one's own.
    """
    unknown = invalid(
        "/organization_id", "unknown_organization", "There is no such unit or customer of yours."
    )
    company_id = await company_of(platform, organization_id)
    if company_id is None:
        raise unknown
    own = company_id == caller.organization_id
    if not own and not await _is_customer(platform, caller, company_id):
        raise unknown
    async with system_transaction(platform, Role.WORKER) as tx:
        tree = await load_tree(tx, company_id)
    path = tuple(path_to_company(organization_id, tree.parents))
    if own and caller.unit_id not in path:
        raise unknown
    return path


async def _is_customer(platform: Platform, caller: Caller, company_id: UUID) -> bool:
    """Tell whether a company has anything of the supplier's: a relation, a list, a contract.

    Only who keeps the prices may ask.
    """
    if not caller.may("prices:write"):
        return False
    own = caller.organization_id
    customer, list_row = CustomerRow, PriceListAssignmentRow
    member, contract = SegmentMemberRow, ContractRow
    statement = select(
        or_(
            exists().where(customer.supplier_id == own, customer.buyer_id == company_id),
            exists().where(list_row.supplier_id == own, list_row.company_id == company_id),
            exists().where(member.supplier_id == own, member.company_id == company_id),
            exists().where(contract.supplier_id == own, contract.buyer_id == company_id),
        )
    )
    async with transaction(platform, caller) as tx:
        found: bool = await tx.scalar(statement)
    return found


_OWN: Final = bindparam("own_id", type_=COMPANY.type)
_SKUS: Final = bindparam("skus", type_=ARRAY(Text))
_OTHERS: Final = bindparam("others", type_=Integer)


def _wide() -> Whose:
    """Look at what is his, and at the newest of what other customers have."""
    face, other = PriceListAssignmentRow, another(PriceListAssignmentRow)
    his_lists = select(other.list_id).where(other.scope_id == any_(SCOPES)).scalar_subquery()
    newest = another(PriceListAssignmentRow)
    others = (
        select(newest.list_id, newest.scope_id)
        .ext(distinct_on(newest.list_id))
        .where(
            newest.supplier_id == _OWN,
            newest.published_version > 0,
            newest.list_id.not_in(his_lists),
        )
        .order_by(newest.list_id.desc(), newest.scope_id)
        .limit(_OTHERS)
        .subquery()
    )
    price, newer = ContractPriceRow, another(ContractPriceRow)
    other_prices = (
        select(newer.id)
        .where(
            newer.supplier_id == _OWN,
            newer.buyer_id != COMPANY,
            newer.sku == any_(_SKUS),
        )
        .order_by(newer.id.desc())
        .limit(_OTHERS)
    )
    return Whose(
        or_(
            face.scope_id == any_(SCOPES),
            exists().where(others.c.list_id == face.list_id, others.c.scope_id == face.scope_id),
        ),
        or_(price.buyer_id == COMPANY, price.id.in_(other_prices)),
    )


_WIDE: Final = by_lines(OfferRow.supplier_id == _OWN, _wide())


def _seen_by_buyer() -> object:
    """Say which offers a buyer with these scopes sees, as his supplier finds out."""
    placed, grant = AssortmentOfferRow, AssortmentGrantRow
    granted = exists().where(
        placed.offer_id == OfferRow.id,
        grant.assortment_id == placed.assortment_id,
        grant.scope_id == any_(SCOPES),
    )
    return and_(
        OfferRow.state == "active",
        or_(
            OfferRow.audience_id == any_(SCOPES),
            and_(OfferRow.audience_id == RESTRICTED, granted),
        ),
    )


_SEEN: Final = select(OfferRow.sku).where(
    OfferRow.supplier_id == _OWN,
    OfferRow.sku == any_(_SKUS),
    _seen_by_buyer(),  # type: ignore[arg-type]
)


async def look_wide(
    platform: Platform, caller: Caller, data: PriceCheckInput, path: tuple[UUID, ...]
) -> Looked:
    """Find what a customer's unit would pay; for an explanation also what others have.

    Raises InvalidInput for lines of other suppliers, and for more lines than are explained at once.
    """
    _check_lines(caller, data)
    keys = [(line.supplier_id, line.sku) for line in data.lines]
    async with transaction(platform, caller) as tx:
        segments = await _segments(tx, caller, path[-1])
        values = {
            **line_arguments(path, keys),
            "scopes": [*path, PUBLIC, *segments],
            "own_id": caller.organization_id,
        }
        others = OTHERS_EXPLAINED_MAX if data.explain else 0
        found, clock = found_by_line(await tx.all(_WIDE, {**values, "others": others}), len(keys))
        offer_ids = [book.offer.id for book in found if book.offer is not None]
        held = await held_back(tx, caller.organization_id, offer_ids, others) if others else {}
        seen_values = {name: values[name] for name in ("scopes", "own_id", "skus")}
        seen = {row.sku for row in await tx.all(_SEEN, seen_values)}
    hidden = [
        place
        for place, (book, (_, sku)) in enumerate(zip(found, keys, strict=True))
        if book.offer is not None and sku not in seen
    ]
    return Looked(found, Buyer(path, frozenset(segments)), clock, hidden, held)


def _check_lines(caller: Caller, data: PriceCheckInput) -> None:
    errors = [
        FieldError(
            f"/lines/{place}/supplier_id", "not_yours", "For a customer, ask of your own offers."
        )
        for place, line in enumerate(data.lines)
        if line.supplier_id != caller.organization_id
    ]
    if data.explain and len(data.lines) > EXPLAINED_LINES_MAX:
        detail = f"At most {EXPLAINED_LINES_MAX} lines are explained at once."
        errors.append(FieldError("/lines", "too_many", detail))
    if errors:
        raise InvalidInput("These prices cannot be told for a customer.", errors=errors)


async def _segments(tx: Transaction, caller: Caller, company_id: UUID) -> list[UUID]:
    member = SegmentMemberRow
    rows = await tx.all(
        select(member.segment_id).where(
            member.supplier_id == caller.organization_id, member.company_id == company_id
        )
    )
    return [row.segment_id for row in rows]
