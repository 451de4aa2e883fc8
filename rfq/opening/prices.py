"""The financial envelopes: who passed is locked first, and theirs alone are opened.

Three steps, each of which may be tried again by anybody: the transaction that locks writes down who
passed; the key store records it, once and for ever; only then it unwraps, and only what is theirs.
Afterwards the key is destroyed, so the other envelopes stay closed for ever.
"""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, Final
from uuid import UUID

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from sqlalchemy import Row, insert, select, update

from marketplace.contracts.frameworks import prices_under
from marketplace.kernel.errors import InvalidInput
from marketplace.kernel.events import Event
from marketplace.platform.core import Platform
from marketplace.platform.database import (
    Role,
    Transaction,
    retries_conflicts,
    system_transaction,
)
from marketplace.platform.timers import set_timer
from rfq.attachments.opening import open_attachments
from rfq.evaluation.comparing import read_marks
from rfq.evaluation.judged_bids import judged_bids
from rfq.evaluation.moving import move, settle_empty_lots
from rfq.evaluation.offers import evaluate
from rfq.evaluation.opened import aside
from rfq.key_store import AwaitingOfficers, DatabaseClock, KeyStore
from rfq.ocds.steps import tell_progress
from rfq.officers.records import write_minutes
from rfq.opening.clock import database_clock
from rfq.opening.tables import OpenedPricesRow, SealedPricesRow, TechnicalResultRow
from rfq.procedures.publishing import OPENING_TIMER
from rfq.procedures.reading import Loaded, load
from rfq.qualification.reading import exclusions
from rfq.rules.bid import BID, Bid, BidAction, BidAttachment, BidStatus, Part, check_bid
from rfq.rules.competition import check_within_framework
from rfq.rules.envelopes import (
    check_financial,
    check_same_lots,
    joined,
    read_financial,
    read_technical,
)
from rfq.rules.evaluation import failures
from rfq.rules.procedure import PRICES_HIDDEN, LotStatus, Status
from rfq.rules.progress import status_after_prices
from rfq.rules.sealing import (
    Box,
    Broken,
    Place,
    Unsealed,
    Wrapped,
    unseal_with,
    unwrapped_box,
)
from rfq.rules.strict import HalfPlace, Holder, half_box, joined_key, pair_of
from rfq.rules.variants import MAIN, incomplete
from rfq.tables import OpenedBidRow, ProcedureRow, SealedBidRow

SEALED_UNTIL: frozenset[Status] = PRICES_HIDDEN | {Status.PUBLISHED, Status.CLOSED, Status.OPENED}
"""The states in which financial envelopes may still be opened one day."""

Shown = Mapping[Holder, X25519PrivateKey]
"""Keys for the financial envelopes that holders beside the platform have shown."""
NOBODYS: Final[Shown] = MappingProxyType({})


async def write_result(tx: Transaction, procedure_id: UUID) -> None:
    """Write down who passed, as the buyer locks; a lot nobody passed in fails.

    A bid passes if it can win a lot: its envelope holds the prices of all its lots.
    """
    loaded = await load(tx, procedure_id)
    results = await _results(tx, loaded)
    if results:
        await tx.execute(insert(TechnicalResultRow), results)
    left = {lot_id for result in results for lot_id in result["lot_ids"]}
    status = await settle_empty_lots(tx, loaded, left, loaded.procedure.status)
    if status is not loaded.procedure.status:
        await move(tx, loaded, status, "procedure.unsuccessful")
    await tell_progress(tx, loaded)
    facts = {"passed": [result["bid_id"] for result in results if result["passed"]]}
    tx.record("procedure.technical_result", "procedure", procedure_id, after=facts)
    # Should this process die now, a worker opens; or it destroys the key, where nobody passed.
    await set_timer(tx, OPENING_TIMER, procedure_id, await tx.clock())


async def _results(tx: Transaction, loaded: Loaded) -> list[dict[str, Any]]:
    judging = loaded.procedure.judging
    barred = await exclusions(tx, loaded)
    marks = await read_marks(tx, loaded)
    results = []
    for row in await judged_bids(tx, loaded):
        open_lots = [id_ for id_ in row.lot_ids if loaded.lot_statuses[id_] is LotStatus.OPENED]
        why = {}
        out = barred.get(row.bidder_id) or aside(row)
        if out is None:
            why = {id_: failures(judging, id_, row.bid_id, marks) for id_ in open_lots}
        passed = [lot_id for lot_id, found in why.items() if not found]
        said = dict.fromkeys(reason for found in why.values() for reason in found)
        no_lot = "Each lot it is for had failed."
        results.append(
            {
                "bid_id": row.bid_id,
                "procedure_id": loaded.procedure.id,
                "buyer_id": loaded.procedure.buyer_id,
                "bidder_id": row.bidder_id,
                "passed": bool(passed),
                "lot_ids": passed,
                "reason": out or " ".join(said) or ("", no_lot)[not passed],
            }
        )
    return results


async def open_prices(platform: Platform, procedure_id: UUID, shown: Shown = NOBODYS) -> None:
    """Open the financial envelopes of who passed, once, and destroy the key of the others.

    Where officers are to approve it waits for them, and in a strict procedure for the key that a
    second holder shows. Harmless for a procedure of one envelope, and before and after its time.
    Raises AwaitingOfficers to who shows a key before they have approved.
    """
    loaded = await _loaded(platform, procedure_id)
    if not loaded.procedure.two_envelopes:
        return
    if loaded.procedure.status is Status.LOCKED:
        await record_result(platform, procedure_id)
        if loaded.procedure.strict and not shown:
            return
        try:
            await _open(platform, procedure_id, await database_clock(platform), shown)
        except AwaitingOfficers:
            if shown:
                raise
            return
        loaded = await _loaded(platform, procedure_id)
    if loaded.procedure.status not in SEALED_UNTIL:
        store = platform.get(KeyStore)  # type: ignore[type-abstract]
        await store.destroy(procedure_id, Part.FINANCIAL)
        await _keep_closed(platform, procedure_id)


async def _loaded(platform: Platform, procedure_id: UUID) -> Loaded:
    async with system_transaction(platform, Role.ENGINE) as tx:
        return await load(tx, procedure_id)


async def record_result(platform: Platform, procedure_id: UUID) -> None:
    """Let the key store record who passed, of a procedure whose result is locked."""
    async with system_transaction(platform, Role.ENGINE) as tx:
        loaded = await load(tx, procedure_id)
        rows = await tx.all(
            select(OpenedBidRow.bidder_id, OpenedBidRow.variant)
            .join(TechnicalResultRow, TechnicalResultRow.bid_id == OpenedBidRow.id)
            .where(TechnicalResultRow.procedure_id == procedure_id, TechnicalResultRow.passed)
        )
    store = platform.get(KeyStore)  # type: ignore[type-abstract]
    passed = [row.bidder_id for row in rows if row.variant == MAIN]
    variants = [(row.bidder_id, row.variant) for row in rows if row.variant != MAIN]
    locked_at = loaded.row.scores_locked_at
    await store.admit(procedure_id, passed, locked_at, await database_clock(platform), variants)


@retries_conflicts
async def _open(platform: Platform, procedure_id: UUID, clock: DatabaseClock, shown: Shown) -> None:
    store = platform.get(KeyStore)  # type: ignore[type-abstract]
    async with system_transaction(platform, Role.ENGINE) as tx:
        loaded = await load(tx, procedure_id, lock=True)
        if loaded.procedure.status is not Status.LOCKED:
            return
        sealed = await _sealed(tx, procedure_id)
        boxes = [_box(row, shown) for row in sealed]
        ours = await store.unwrap(procedure_id, boxes, clock)
        keys = [_key(*each, shown) for each in zip(sealed, ours, strict=True)]
        agreed = await _framework_prices(tx, loaded)
        opened = [_opened(loaded, row, key, agreed) for row, key in zip(sealed, keys, strict=True)]
        opened = await _complete(tx, loaded, sealed, opened)
        if opened:
            await tx.execute(insert(OpenedPricesRow), [row for row, _ in opened])
        await _reject(tx, procedure_id, [row["bid_id"] for row, bid in opened if bid is None])
        unwrap = None if shown else lambda boxes: store.unwrap(procedure_id, boxes, clock)
        await open_attachments(tx, loaded, _named(opened), unwrap)
        approvals = await store.approvals(procedure_id, Part.FINANCIAL)
        await write_minutes(tx, loaded, Part.FINANCIAL, approvals)
        await _move(tx, loaded)


async def _sealed(tx: Transaction, procedure_id: UUID) -> Sequence[Row[Any]]:
    """Read the financial envelopes of who passed; the engine sees no others."""
    return await tx.all(
        select(
            SealedPricesRow.bid_id,
            SealedPricesRow.version,
            SealedPricesRow.procedure_id,
            SealedPricesRow.bidder_id,
            SealedPricesRow.ephemeral_key,
            SealedPricesRow.wrapped_key,
            SealedPricesRow.ciphertext,
            OpenedBidRow.financial_commitment,
            OpenedBidRow.content,
            OpenedBidRow.variant,
        )
        .join(
            OpenedBidRow,
            (OpenedBidRow.id == SealedPricesRow.bid_id)
            & (OpenedBidRow.version == SealedPricesRow.version),
        )
        .where(SealedPricesRow.procedure_id == procedure_id)
        .order_by(SealedPricesRow.bid_id)
    )


def _place(row: Row[Any]) -> Place:
    return Place(row.procedure_id, row.bidder_id, row.version, Part.FINANCIAL, row.variant)


def _box(row: Row[Any], shown: Shown) -> Box:
    """Give what the platform's key unwraps: the envelope's key, or in a strict one a half of it."""
    if not shown:
        return _place(row), Wrapped(bytes(row.ephemeral_key), bytes(row.wrapped_key))
    holder = next(iter(shown))
    pair = pair_of([holder, Holder.PLATFORM])
    return half_box(bytes(row.wrapped_key), HalfPlace(_place(row), pair, Holder.PLATFORM))


def _key(row: Row[Any], ours: bytes | None, shown: Shown) -> bytes | None:
    """Give an envelope's key of what the platform's key unwrapped."""
    if not shown:
        return ours
    holder, key = next(iter(shown.items()))
    pair = pair_of([holder, Holder.PLATFORM])
    theirs = unwrapped_box(
        half_box(bytes(row.wrapped_key), HalfPlace(_place(row), pair, holder)), key
    )
    return joined_key(ours, theirs)


async def _framework_prices(tx: Transaction, loaded: Loaded) -> Any:
    framework_id = loaded.procedure.offering.framework_id
    return None if framework_id is None else await prices_under(tx, framework_id, await tx.clock())


def _opened(
    loaded: Loaded, row: Row[Any], key: bytes | None, agreed: Any
) -> tuple[dict[str, Any], Bid | None]:
    """Open one financial envelope; give its row, and the whole bid where it is valid."""
    committed = bytes(row.financial_commitment)
    unsealed = unseal_with(key, bytes(row.ciphertext), _place(row), committed)
    bid: Bid | None = None
    if isinstance(unsealed, Broken):
        reason: str | None = unsealed.reason
    else:
        bid, reason = _valid(loaded, row, unsealed, agreed)
    good = unsealed if isinstance(unsealed, Unsealed) else None
    return {
        "bid_id": row.bid_id,
        "procedure_id": loaded.procedure.id,
        "buyer_id": loaded.procedure.buyer_id,
        "bidder_id": row.bidder_id,
        "nonce": good and good.nonce,
        "content": good and good.text.decode(),
        "invalid_reason": reason,
    }, bid


async def _complete(
    tx: Transaction,
    loaded: Loaded,
    sealed: Sequence[Row[Any]],
    opened: Sequence[tuple[dict[str, Any], Bid | None]],
) -> list[tuple[dict[str, Any], Bid | None]]:
    """Say of offers with valid prices why they are not, where what stands beside them is not.

    One that did not pass is valid as before, though its prices stay closed.
    """
    terms = loaded.procedure.offering.variants
    if terms is None:
        return list(opened)
    broken = {row["bid_id"] for row, bid in opened if bid is None}
    valid: dict[UUID, list[int]] = {}
    for judged in await judged_bids(tx, loaded):
        if judged.bid_id not in broken:
            number = MAIN if judged.variant is None else judged.variant["number"]
            valid.setdefault(judged.bidder_id, []).append(number)
    found: list[tuple[dict[str, Any], Bid | None]] = []
    for each, (row, bid) in zip(sealed, opened, strict=True):
        why = incomplete(terms, valid.get(each.bidder_id, [])).get(each.variant)
        missing = bid is not None and why is not None
        found.append(({**row, "invalid_reason": why}, None) if missing else (row, bid))
    return found


def _valid(
    loaded: Loaded, row: Row[Any], unsealed: Unsealed, agreed: Any
) -> tuple[Bid | None, str | None]:
    """Give the bid that both envelopes make, or why they make none."""
    technical, financial = read_technical(row.content.encode()), read_financial(unsealed.text)
    if technical is None or financial is None:
        return None, "The financial envelope holds no prices of a known form."
    bid = joined(technical, financial)
    try:
        check_financial(financial)
        check_bid(loaded.procedure, bid, row.variant)
        check_same_lots(loaded.procedure, technical, bid)
        if agreed is not None:
            check_within_framework(loaded.procedure, bid, agreed.get(row.bidder_id, {}))
    except InvalidInput as refused:
        return None, refused.detail
    return bid, None


def _named(
    opened: Sequence[tuple[dict[str, Any], Bid | None]],
) -> dict[UUID, tuple[UUID, Sequence[BidAttachment]]]:
    return {
        row["bid_id"]: (
            row["bidder_id"],
            [each for each in bid.attachments if each.part is Part.FINANCIAL],
        )
        for row, bid in opened
        if bid is not None
    }


async def _reject(tx: Transaction, procedure_id: UUID, bid_ids: Sequence[UUID]) -> None:
    await _turn(tx, procedure_id, bid_ids, BidAction.REJECT)


async def _turn(
    tx: Transaction, procedure_id: UUID, bid_ids: Sequence[UUID], action: BidAction
) -> None:
    if not bid_ids:
        return
    await tx.execute(
        update(SealedBidRow)
        .where(
            SealedBidRow.procedure_id == procedure_id,
            SealedBidRow.status == BidStatus.OPENED.value,
            SealedBidRow.id.in_(bid_ids),
        )
        .values(status=BID.after(BidStatus.OPENED, action).value)
    )


async def _move(tx: Transaction, loaded: Loaded) -> None:
    """Settle the lots that nobody is left for, and tell those who bid that prices are open."""
    procedure = loaded.procedure
    rows = await tx.all(
        select(
            TechnicalResultRow.bid_id, TechnicalResultRow.bidder_id, TechnicalResultRow.lot_ids
        ).where(TechnicalResultRow.procedure_id == procedure.id)
    )
    passed_in = {row.bid_id: row.lot_ids for row in rows}
    standings = (await evaluate(tx, loaded)).standings
    left = {
        lot_id
        for lot_id, offers in standings.items()
        if any(lot_id in passed_in[standing.offer.bid_id] for standing in offers)
    }
    before = status_after_prices(procedure, [LotStatus.OPENED])
    status = await settle_empty_lots(tx, loaded, left, before)
    at, version = await tx.clock(), loaded.version + 1
    await tx.execute(
        update(ProcedureRow)
        .where(ProcedureRow.id == procedure.id)
        .values(status=status.value, version=version, prices_opened_at=at)
    )
    facts: dict[str, object] = {"status": status}
    audience = frozenset([procedure.buyer_id, *(row.bidder_id for row in rows)])
    kind = "procedure.prices_opened"
    tx.emit(Event(kind, "procedure", procedure.id, version, audience, facts))
    tx.record(
        kind,
        "procedure",
        procedure.id,
        before={"status": procedure.status},
        after=facts,
        organization_id=procedure.buyer_id,
    )
    await tell_progress(tx, loaded)
    # Should this process die now, a worker destroys the key.
    await set_timer(tx, OPENING_TIMER, procedure.id, at)


@retries_conflicts
async def _keep_closed(platform: Platform, procedure_id: UUID) -> None:
    async with system_transaction(platform, Role.ENGINE) as tx:
        rows = await tx.all(
            select(TechnicalResultRow.bid_id).where(
                TechnicalResultRow.procedure_id == procedure_id,
                TechnicalResultRow.passed.is_(False),
            )
        )
        await _turn(tx, procedure_id, [row.bid_id for row in rows], BidAction.KEEP_CLOSED)
