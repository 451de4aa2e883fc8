"""Awards, contracts and the bids that won, as releases tell of them. Pure.

A proposed award is `pending` while the standstill runs, and says which lot alone: nobody but who
won it is told by whom. In force it names the supplier and the total. One that falls is cancelled;
why is between the parties.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from msgspec import UNSET

from marketplace.kernel.clock import rfc3339
from rfq.ocds.codelists import AwardStatus, BidStatus, ContractStatus, PartyRole
from rfq.ocds.facts import Asked, Awarded
from rfq.ocds.release import (
    Award,
    Bid,
    Bids,
    Contract,
    Item,
    Party,
    Period,
    Reference,
    Statistic,
)
from rfq.ocds.tender import number, unit, value


def pending_awards(lot_id: UUID, lot_title: str, award_ids: Iterable[UUID]) -> list[Award]:
    """Write that a lot is to be awarded once the standstill is over."""
    return [
        Award(
            id=str(award_id),
            title=lot_title,
            status=AwardStatus.PENDING,
            related_lots=[str(lot_id)],
        )
        for award_id in award_ids
    ]


def cancelled_awards(award_ids: Iterable[UUID]) -> list[Award]:
    """Write that awards do not come about, or have ended."""
    return [Award(id=str(award_id), status=AwardStatus.CANCELLED) for award_id in award_ids]


def awards_in_force(asked: Asked, given: Sequence[Awarded], at: datetime) -> list[Award]:
    """Write awards that are in force from `at` on."""
    lines = {line.id: line for lot in asked.lots for line in lot.lines}
    return [
        Award(
            id=str(each.id),
            title=each.lot_title,
            status=AwardStatus.ACTIVE,
            date=rfc3339(at),
            value=value(each.total),
            suppliers=[_supplier(each)],
            items=[
                Item(
                    id=str(line_id),
                    description=lines[line_id].description,
                    quantity=number(quantity),
                    unit=unit(lines[line_id].unit),
                    related_lot=str(each.lot_id),
                )
                for line_id, quantity in each.quantities.items()
            ],
            contract_period=_period(each),
            related_lots=[str(each.lot_id)],
            related_bids=[str(each.bid_id)],
        )
        for each in given
    ]


def contracts_of(given: Sequence[Awarded], at: datetime) -> list[Contract]:
    """Write the contracts of awards: in force, or pending until both sides have signed."""
    return [
        Contract(
            id=str(each.contract_id),
            award_id=str(each.id),
            title=each.lot_title,
            value=value(each.total),
            period=_period(each),
            related_bids=[str(each.bid_id)],
            **_signed(at if each.signed else None),
        )
        for each in given
    ]


def _signed(at: datetime | None) -> dict[str, Any]:
    if at is None:
        return {"status": ContractStatus.PENDING}
    return {"status": ContractStatus.ACTIVE, "date_signed": rfc3339(at)}


def signed_contract(contract_id: UUID, award_id: UUID, at: datetime) -> Contract:
    """Write that both sides have signed."""
    return Contract(
        id=str(contract_id),
        award_id=str(award_id),
        status=ContractStatus.ACTIVE,
        date_signed=rfc3339(at),
    )


def ended_contract(contract_id: UUID, award_id: UUID, *, was_signed: bool) -> Contract:
    """Write that a contract has ended, or never came into force."""
    status = ContractStatus.TERMINATED if was_signed else ContractStatus.CANCELLED
    return Contract(id=str(contract_id), award_id=str(award_id), status=status)


def _period(each: Awarded) -> Period:
    return Period(start_date=rfc3339(each.begins_at), end_date=rfc3339(each.ends_at))


def _supplier(each: Awarded) -> Reference:
    return Reference(id=str(each.supplier.id), name=each.supplier.name)


def suppliers(given: Sequence[Awarded]) -> list[Party]:
    """Name those who won, once each."""
    roles = [PartyRole.TENDERER.value, PartyRole.SUPPLIER.value]
    found = {each.supplier.id: each.supplier for each in given}
    return [Party(id=str(id_), name=company.name, roles=roles) for id_, company in found.items()]


def winning_bids(given: Sequence[Awarded], opened_bids: int) -> Bids:
    """Name the bids that won, and count all that were opened: with an award, not before."""
    found = {each.bid_id: each for each in given}
    details = [
        Bid(
            id=str(bid_id),
            status=BidStatus.VALID,
            tenderers=[_supplier(each)],
            variant=True if each.is_variant else UNSET,
        )
        for bid_id, each in found.items()
    ]
    count = Statistic(id="bids", measure="bids", value=Decimal(opened_bids))
    return Bids(statistics=[count], details=details)
