"""Award a lot of an auction that stands alone: a contract at once, or when others have approved.

An auction that something else asked for is awarded there: its origin knows what the bids were for.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Final
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy import Row, insert, select, update

from auctions.admission import meant
from auctions.conduct.schemas import AuctionAwardInput, AuctionAwardList, AuctionAwardView
from auctions.conduct.tables import AuctionAwardRow
from auctions.drafts import lots_of, participants_of, unknown_auction
from auctions.engine.outcome import NoWinner
from auctions.engine.terms import in_digits
from auctions.ports import AwardedItems
from auctions.reading import READ
from auctions.results import LotResult, Ranked, result_of
from auctions.service import WRITE
from auctions.tables import AuctionRow
from auctions.terms_schemas import money_view
from marketplace.approvals.awards import threshold_rule
from marketplace.approvals.rules import AWARD_RULE, Requester, Rule, needs_approval
from marketplace.approvals.service import ask_approval
from marketplace.contracts.concluding import conclude
from marketplace.contracts.documents import provenance_document, read_provenance
from marketplace.contracts.rules import ContractDraft, ContractPrice, Provenance, Tier, check_draft
from marketplace.kernel.canonical import content_hash
from marketplace.kernel.clock import is_time_zone
from marketplace.kernel.errors import Conflict, NotFound, invalid
from marketplace.kernel.events import Event
from marketplace.kernel.ids import new_id
from marketplace.kernel.money import Money
from marketplace.kernel.units import check_unit, decimals_allowed
from marketplace.organizations.members import order_limit_of
from marketplace.platform.caller import Caller
from marketplace.platform.core import Platform
from marketplace.platform.database import Transaction, retries_conflicts, transaction
from marketplace.platform.idempotency import IdempotencyKey, keep, replay

SUBJECT: Final = "auction_award"


@dataclass(frozen=True, slots=True)
class _Chosen:
    ranked: Ranked
    price: Money


@retries_conflicts
async def award_auction(
    platform: Platform,
    caller: Caller,
    auction_id: UUID,
    data: AuctionAwardInput,
    key: IdempotencyKey,
    lot_id: UUID | None = None,
) -> AuctionAwardView:
    """Award a lot to its winner, or with a reason to another; it may wait for approval.

    It does above the caller's own limit, and above the company's threshold whoever awards.

    Raises NotFound, WrongState before the auction has closed, Conflict for what is practice, was
    awarded already or is awarded where it came from, InvalidInput for a bid that is none, a reason
    missing, and a contract that cannot be.
    """
    caller.require(WRITE)
    async with transaction(platform, caller) as tx:
        if (earlier := await replay(tx, key, AuctionAwardView)) is not None:
            return earlier
        auction = await _own(tx, caller, auction_id)
        lot = meant(await lots_of(tx, auction_id), lot_id)
        result = await _result(tx, auction_id, lot.id)
        chosen = _choose(result, data)
        at = await tx.clock()
        row = _row(auction, lot, data, chosen, result, at)
        check_draft(_contract(row, row["agreed"]["sku"] or "AWARD"))
        await _insert(tx, row)
        limit = await order_limit_of(tx, caller.member_id)
        requester = Requester(caller.member_id, caller.roles, limit)
        rules = (await threshold_rule(tx, caller.organization_id), AWARD_RULE)
        broken = (r for r in rules if r and needs_approval(r, requester, chosen.price))
        if rule := next(broken, None):
            await _let_wait(tx, caller, requester, rule, row)
        else:
            await _conclude(platform, tx, row["id"])
        tx.record("auction.award", "auction", auction_id, after=_facts(row))
        stored = await tx.one(_awards().where(AuctionAwardRow.id == row["id"]))
        return await keep(tx, key, _view(stored, buyer=True))


async def _own(tx: Transaction, caller: Caller, auction_id: UUID) -> Row[Any]:
    """Lock an auction of the caller's company: of two who award one waits."""
    auction = await tx.maybe(
        select(
            AuctionRow.id,
            AuctionRow.buyer_id,
            AuctionRow.title,
            AuctionRow.version,
            AuctionRow.origin_id,
        )
        .where(AuctionRow.id == auction_id, AuctionRow.buyer_id == caller.organization_id)
        .with_for_update()
    )
    if auction is None:
        raise unknown_auction()
    if auction.origin_id is not None:
        raise Conflict("This auction belongs to a procedure: award the lot there.")
    return auction


async def _result(tx: Transaction, auction_id: UUID, lot_id: UUID) -> LotResult:
    result = await result_of(tx, auction_id)
    lot = next(each for each in result.lots if each.lot_id == lot_id)
    if lot.no_winner in {NoWinner.PRACTICE.value, NoWinner.CANCELLED.value}:
        raise Conflict(f"Nothing is awarded: {lot.no_winner}.")
    return lot


def _choose(result: LotResult, data: AuctionAwardInput) -> _Chosen:
    by_hand = result.price is None
    if data.bid_id is None and by_hand:
        detail = f"Nobody won by himself ({result.no_winner}): name the bid to award, and say why."
        raise invalid("/bid_id", "no_winner", detail)
    for ranked in result.ranking:
        if data.bid_id in {None, ranked.bid_id}:
            won = ranked.rank == 1 and result.price is not None
            if not won and not data.reason.strip():
                detail = "Whoever awards to another than the winner says why."
                raise invalid("/reason", "reason_missing", detail)
            return _Chosen(ranked, result.price if won and result.price else ranked.amount)
    raise invalid("/bid_id", "unknown_bid", "No bid with this id stands.")


def _row(
    auction: Row[Any],
    lot: Row[Any],
    data: AuctionAwardInput,
    chosen: _Chosen,
    result: LotResult,
    at: datetime,
) -> dict[str, Any]:
    check_unit(data.unit, "/unit")
    if not is_time_zone(data.time_zone):
        detail = f"{data.time_zone!r} is no IANA time zone; for example Europe/Berlin."
        raise invalid("/time_zone", "unknown_time_zone", detail)
    award_id, ranked = new_id(), chosen.ranked
    first_day = data.first_day or at.astimezone(ZoneInfo(data.time_zone)).date()
    title = auction.title if lot.title == auction.title else f"{auction.title}: {lot.title}"
    agreed = {
        "title": title,
        "description": lot.title,
        "sku": data.sku,
        "unit": data.unit,
        "quantity": data.quantity,
        "time_zone": data.time_zone,
        "first_day": first_day.isoformat(),
        "last_day": data.last_day.isoformat(),
    }
    content = {
        "form": "auction.award/1",
        "award_id": award_id,
        "lot_id": lot.id,
        "supplier_id": ranked.organization_id,
        "bid_id": ranked.bid_id,
        "price": chosen.price.amount,
        "currency": chosen.price.currency,
        "agreed": agreed,
    }
    digest = content_hash(content)
    steps = (
        Provenance("auction", auction.id, result.closed_at, result.head),
        Provenance("auction.bid", ranked.bid_id, ranked.decided_at, ranked.entry_hash),
        Provenance("auction.award", award_id, at, digest.hex()),
    )
    return {
        "id": award_id,
        "auction_id": auction.id,
        "lot_id": lot.id,
        "buyer_id": auction.buyer_id,
        "supplier_id": ranked.organization_id,
        "bid_id": ranked.bid_id,
        "rank": ranked.rank,
        "reason": data.reason,
        "price": chosen.price.amount,
        "currency": chosen.price.currency,
        "agreed": agreed,
        "provenance": provenance_document(steps),
        "content_hash": digest,
        "state": "waiting",
        "asked_at": at,
    }


async def _insert(tx: Transaction, row: dict[str, Any]) -> None:
    standing = select(AuctionAwardRow.id).where(
        AuctionAwardRow.lot_id == row["lot_id"], AuctionAwardRow.state != "rejected"
    )
    if await tx.scalar(standing):
        raise Conflict("This lot is awarded already, or waits for approval.")
    await tx.execute(insert(AuctionAwardRow).values(row))


async def _let_wait(
    tx: Transaction, caller: Caller, requester: Requester, rule: Rule, row: dict[str, Any]
) -> None:
    approval_id = new_id()
    await ask_approval(
        tx,
        rule,
        requester,
        approval_id=approval_id,
        unit_path=caller.path,
        subject_kind=SUBJECT,
        subject_id=row["id"],
        title=f"Award {row['agreed']['title']}",
        amount=Money(row["price"], row["currency"]),
        content_hash=row["content_hash"],
    )
    await tx.execute(
        update(AuctionAwardRow)
        .where(AuctionAwardRow.id == row["id"])
        .values(approval_id=approval_id)
    )


async def _conclude(platform: Platform, tx: Transaction, award_id: UUID) -> None:
    """Conclude the contract of an award and tell all who bid that the lot is decided."""
    row = (await tx.one(_awards().where(AuctionAwardRow.id == award_id)))._mapping  # noqa: SLF001
    agreed = row["agreed"]
    sku = agreed["sku"] or await _items(platform).add(
        tx, row["supplier_id"], row["buyer_id"], agreed["description"], agreed["unit"]
    )
    contract_id = await conclude(tx, _contract(row, sku))
    await tx.execute(
        update(AuctionAwardRow)
        .where(AuctionAwardRow.id == award_id)
        .values(state="awarded", contract_id=contract_id, decided_at=await tx.clock())
    )
    bidders = {each.organization_id for each in await participants_of(tx, [row["lot_id"]])}
    version = await tx.scalar(select(AuctionRow.version).where(AuctionRow.id == row["auction_id"]))
    facts: dict[str, object] = {"lot_id": row["lot_id"]}
    audience = frozenset({row["buyer_id"], *bidders})
    tx.emit(Event("auction.awarded", "auction", row["auction_id"], version, audience, facts))


def _items(platform: Platform) -> AwardedItems:
    return platform.get(AwardedItems)  # type: ignore[type-abstract]


def _contract(row: Any, sku: str) -> ContractDraft:
    agreed = row["agreed"]
    quantity = Decimal(agreed["quantity"])
    least = Decimal(1).scaleb(-decimals_allowed(agreed["unit"]))
    price = in_digits(row["price"], row["currency"])
    return ContractDraft(
        buyer_id=row["buyer_id"],
        supplier_id=row["supplier_id"],
        title=agreed["title"],
        currency=row["currency"],
        time_zone=agreed["time_zone"],
        first_day=date.fromisoformat(agreed["first_day"]),
        last_day=date.fromisoformat(agreed["last_day"]),
        prices=(
            ContractPrice(
                sku=sku,
                description=agreed["description"],
                unit=agreed["unit"],
                # The price is for all of it, so no rounding is lost: it stays one per `quantity`.
                basis=quantity,
                tiers=(Tier(least, price),),
            ),
        ),
        provenance=read_provenance(row["provenance"]),
    )


class AwardApprovals:
    """Awards as documents that wait for approval (`ApprovalSubject`)."""

    def __init__(self, platform: Platform) -> None:
        self._platform = platform

    async def content_hash(self, tx: Transaction, subject_id: UUID) -> bytes:
        """Lock the award and give the hash of what is to be agreed; it never changes."""
        return bytes((await self._locked(tx, subject_id)).content_hash)

    async def approved(self, tx: Transaction, subject_id: UUID) -> None:
        """Conclude the contract."""
        await _conclude(self._platform, tx, subject_id)

    async def rejected(self, tx: Transaction, subject_id: UUID) -> None:
        """End the award; the lot can be awarded anew."""
        await tx.execute(
            update(AuctionAwardRow)
            .where(AuctionAwardRow.id == subject_id)
            .values(state="rejected", decided_at=await tx.clock())
        )

    async def _locked(self, tx: Transaction, award_id: UUID) -> Row[Any]:
        row = await tx.maybe(
            select(AuctionAwardRow.content_hash)
            .where(AuctionAwardRow.id == award_id)
            .with_for_update()
        )
        if row is None:
            raise NotFound("There is no such award.")
        return row


async def list_awards(platform: Platform, caller: Caller, auction_id: UUID) -> AuctionAwardList:
    """Give an auction's awards: all to its buyer, his own to a supplier once they are made.

    Raises NotFound for who has nothing to do with the auction.
    """
    caller.require(READ)
    async with transaction(platform, caller) as tx:
        buyer_id = await tx.scalar(select(AuctionRow.buyer_id).where(AuctionRow.id == auction_id))
        if buyer_id is None:
            raise unknown_auction()
        rows: Sequence[Row[Any]] = await tx.all(
            _awards().where(AuctionAwardRow.auction_id == auction_id).order_by(AuctionAwardRow.id)
        )
    buyer = buyer_id == caller.organization_id
    return AuctionAwardList(items=[_view(row, buyer=buyer) for row in rows])


def _awards() -> Any:
    return select(*AuctionAwardRow.__table__.columns)


def _facts(row: dict[str, Any]) -> dict[str, object]:
    names = ("lot_id", "supplier_id", "bid_id", "rank", "reason", "price", "currency")
    return {"award_id": row["id"]} | {name: row[name] for name in names}


def _view(row: Row[Any], *, buyer: bool) -> AuctionAwardView:
    view = AuctionAwardView(
        id=row.id,
        auction_id=row.auction_id,
        lot_id=row.lot_id,
        state=row.state,
        supplier_id=row.supplier_id,
        bid_id=row.bid_id,
        price=money_view(in_digits(row.price, row.currency), row.currency),
        approval_id=row.approval_id if buyer else None,
        contract_id=row.contract_id,
        asked_at=row.asked_at,
        decided_at=row.decided_at,
    )
    if buyer:
        view.rank, view.reason = row.rank, row.reason
    return view
