"""Close a procedure and open its bids: at the deadline, all of them, once.

Two transactions on purpose. The first closes and publishes the Merkle root over everything that was
received; only when that is committed is the key asked for, and only then is there anything to read.
The second opens all bids or none. Any worker may try both at any time: each step looks at the state
under the procedure's row lock and the clock, and does nothing where it was done.
"""

import asyncio
import secrets
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from sqlalchemy import Row, func, insert, select, update

from marketplace.contracts.frameworks import prices_under
from marketplace.kernel.errors import InvalidInput
from marketplace.kernel.events import Event
from marketplace.platform.caller import Caller
from marketplace.platform.core import Platform
from marketplace.platform.database import (
    Role,
    Transaction,
    retries_conflicts,
    system_transaction,
    transaction,
)
from rfq.attachments.opening import open_attachments, with_key
from rfq.bids.receiving import bids_lock
from rfq.evaluation.judged_bids import Words, lay_out, words_of_bids
from rfq.key_store import AwaitingOfficers, KeyStore, StillSealed
from rfq.ocds.steps import tell_opened
from rfq.officers.records import write_minutes
from rfq.opening.clock import database_clock
from rfq.opening.prices import open_prices
from rfq.procedures.deadlines import extend
from rfq.procedures.publishing import load_own
from rfq.procedures.reading import Loaded, buyer_view, load
from rfq.procedures.schemas import BuyerProcedureView
from rfq.procedures.settling import settle_time, wait_for_arrived
from rfq.rules import bid as bid_rules
from rfq.rules import procedure as rules
from rfq.rules.bid import BID, BidAction, BidStatus
from rfq.rules.clarification import QuestionStatus, deadline_with_open_questions
from rfq.rules.competition import Prices, check_within_framework
from rfq.rules.envelopes import Commitments, check_technical, first_part, read_technical
from rfq.rules.officers import Approval
from rfq.rules.procedure import LOT, PRICES_HIDDEN, Action, LotAction, LotStatus, Party, Status
from rfq.rules.progress import status_after_opening
from rfq.rules.sealing import (
    Broken,
    Envelope,
    Leaf,
    Place,
    Unsealed,
    leaf_hashes,
    merkle_root,
    unseal,
)
from rfq.rules.strict import Holder, unseal_strictly
from rfq.rules.variants import incomplete
from rfq.tables import LotRow, OpenedBidRow, ProcedureRow, QuestionRow, SealedBidRow

Agreed = Mapping[UUID, Prices]
BLINDING_BYTES: Final = 32
SKEW_MAX: Final = timedelta(seconds=3)
"""How far the key store's clock may lag behind the database's before we leave it to the timer."""


async def open_procedure(
    platform: Platform, caller: Caller, procedure_id: UUID
) -> BuyerProcedureView:
    """Open the bids now, should the timer not have done it yet; harmless when they are open.

    Raises NotFound, Conflict before the deadline, StillSealed where the key store refuses.
    """
    caller.require("rfq:write")
    async with transaction(platform, caller) as tx:
        await load_own(tx, caller, procedure_id)
    await open_at_deadline(platform, procedure_id)
    async with transaction(platform, caller) as tx:
        return await buyer_view(tx, await load(tx, procedure_id))


async def open_at_deadline(platform: Platform, procedure_id: UUID) -> None:
    """Close and open a procedure whose deadline has passed; exactly once, whoever calls.

    Of a cancelled one the key is destroyed, should the process that cancelled it have died before.
    """
    status = await close_bids(platform, procedure_id)
    if status is Status.CANCELLED:
        await platform.get(KeyStore).destroy(procedure_id)  # type: ignore[type-abstract]
    if status is not Status.CLOSED:
        await open_prices(platform, procedure_id)
        return
    async with system_transaction(platform, Role.ENGINE) as tx:
        if (await load(tx, procedure_id)).procedure.strict:
            return  # the key of a second holder opens
    try:
        key = await released_key(platform, procedure_id)
    except AwaitingOfficers:
        return  # the approval of the second opens
    approvals = await platform.get(KeyStore).approvals(procedure_id)  # type: ignore[type-abstract]
    await open_bids(platform, procedure_id, key, approvals)
    # Where no lot has enough bids there is nothing to judge, and no price is ever opened.
    await open_prices(platform, procedure_id)


async def released_key(platform: Platform, procedure_id: UUID) -> X25519PrivateKey:
    """Ask the key store for the procedure's key; raises StillSealed, AwaitingOfficers."""
    store = platform.get(KeyStore)  # type: ignore[type-abstract]
    try:
        return await store.release(procedure_id, await database_clock(platform))
    except StillSealed as sealed:
        if sealed.opens_in > SKEW_MAX:
            raise
        await asyncio.sleep(sealed.opens_in.total_seconds())
    return await store.release(procedure_id, await database_clock(platform))


async def close_bids(platform: Platform, procedure_id: UUID) -> Status:
    """End the receiving of bids and publish the root over all of them; give the status after.

    Waits for the bids that had arrived before the deadline. Where a question is unanswered and the
    procedure waits for answers, the deadline moves instead. Raises NotFound, Conflict before the
    deadline.
    """
    await wait_for_arrived(platform, procedure_id)
    return await _close(platform, procedure_id)


@retries_conflicts
async def _close(platform: Platform, procedure_id: UUID) -> Status:
    async with system_transaction(platform, Role.ENGINE) as tx:
        await tx.execute(select(func.pg_advisory_xact_lock(bids_lock(procedure_id))))
        loaded = await load(tx, procedure_id, lock=True)
        if not rules.PROCEDURE.allows(loaded.procedure.status, Action.CLOSE):
            return loaded.procedure.status
        at = await tx.clock()
        rules.check_deadline_passed(loaded.procedure, at, settle_time(platform))
        unanswered = await _unanswered(tx, procedure_id)
        later = deadline_with_open_questions(loaded.procedure, unanswered, at)
        if later is not None:
            await extend(platform, tx, loaded, later, "A question is not answered yet.")
            return loaded.procedure.status
        status = rules.moved(loaded.procedure.status, Action.CLOSE, Party.CLOCK)
        closed = update(ProcedureRow).where(ProcedureRow.id == procedure_id)
        # First the column that lets the engine see the sealed bids at all, then the tree over them.
        await tx.execute(closed.values(status=status.value, closed_at=at))
        await _lapse(tx, loaded, at)
        blinding = secrets.token_bytes(BLINDING_BYTES)
        leaves = await _leaves(tx, procedure_id)
        root = merkle_root(leaf_hashes(leaves, blinding))
        await tx.execute(
            closed.values(
                version=loaded.version + 1,
                bids_root=root,
                bids_blinding=blinding,
                bid_entries=[
                    {"commitment": leaf.commitment.hex(), "status": leaf.status.value}
                    for leaf in sorted(leaves, key=lambda leaf: leaf.commitment)
                ],
            )
        )
        _tell(tx, loaded, "procedure.closed", status, audience=loaded.may_be_seen_by(), root=root)
        return status


async def _unanswered(tx: Transaction, procedure_id: UUID) -> int:
    count: int = await tx.scalar(
        select(func.count()).where(
            QuestionRow.procedure_id == procedure_id,
            QuestionRow.status == QuestionStatus.ASKED.value,
        )
    )
    return count


async def _lapse(tx: Transaction, loaded: Loaded, at: datetime) -> None:
    """Leave out the bids for terms that were amended and that nobody confirmed."""
    await tx.execute(
        update(SealedBidRow)
        .where(
            SealedBidRow.procedure_id == loaded.procedure.id,
            SealedBidRow.status == BidStatus.LIVE.value,
            SealedBidRow.terms_version != loaded.procedure.terms_version,
        )
        .values(status=BID.after(BidStatus.LIVE, BidAction.LAPSE).value, changed_at=at)
    )


async def _leaves(tx: Transaction, procedure_id: UUID) -> list[Leaf]:
    rows = await tx.all(
        select(SealedBidRow.commitment, SealedBidRow.status).where(
            SealedBidRow.procedure_id == procedure_id
        )
    )
    return [Leaf(bytes(row.commitment), BidStatus(row.status)) for row in rows]


def _tell(
    tx: Transaction,
    loaded: Loaded,
    kind: str,
    status: Status,
    *,
    audience: frozenset[UUID],
    root: bytes,
) -> None:
    procedure = loaded.procedure
    payload: dict[str, object] = {"status": status, "bids_root": root.hex()}
    tx.emit(Event(kind, "procedure", procedure.id, loaded.version + 1, audience, payload))
    before = {"status": procedure.status}
    tx.record(
        kind,
        "procedure",
        procedure.id,
        before=before,
        after=payload,
        organization_id=procedure.buyer_id,
    )


@retries_conflicts
async def open_bids(
    platform: Platform,
    procedure_id: UUID,
    key: X25519PrivateKey | Mapping[Holder, X25519PrivateKey],
    approvals: Sequence[Approval] = (),
) -> None:
    """Open all live bids of a closed procedure with its released key: all or none, once.

    Of two envelopes these are the technical ones.

    Of a strict one `key` are those of two holders. `approvals` are those of the officers, for the
    minutes.

    An envelope that does not open becomes an invalid bid and stops no other.
    """
    async with system_transaction(platform, Role.ENGINE) as tx:
        loaded = await load(tx, procedure_id, lock=True)
        if not rules.PROCEDURE.allows(loaded.procedure.status, Action.OPEN):
            return
        at = await tx.clock()
        sealed = await _live(tx, procedure_id)
        rules.moved(loaded.procedure.status, Action.OPEN, Party.CLOCK)
        agreed = await _framework_prices(tx, loaded, at)
        opened = _complete(loaded, [_opened(loaded, row, key, agreed) for row in sealed])
        await _store(tx, loaded, opened)
        words = await words_of_bids(tx, loaded)
        named = {row.id: (row.bidder_id, part.attachments) for row, part in words}
        unwrap = with_key(key) if isinstance(key, X25519PrivateKey) else None
        await open_attachments(tx, loaded, named, unwrap)
        await write_minutes(tx, loaded, first_part(loaded.procedure), approvals)
        lots = await _open_lots(tx, loaded, words)
        status = status_after_opening(loaded.procedure, lots)
        if status in PRICES_HIDDEN:
            await lay_out(tx, loaded, words)
        await tx.execute(
            update(ProcedureRow)
            .where(ProcedureRow.id == procedure_id)
            .values(status=status.value, version=loaded.version + 1, opened_at=at)
        )
        bidders = frozenset(row.bidder_id for row in sealed)
        audience = frozenset([loaded.procedure.buyer_id]) | bidders
        root = bytes(loaded.row.bids_root)
        _tell(tx, loaded, "procedure.opened", status, audience=audience, root=root)
        await tell_opened(tx, await load(tx, procedure_id))


async def _live(tx: Transaction, procedure_id: UUID) -> Sequence[Row[Any]]:
    return await tx.all(
        select(
            SealedBidRow.id,
            SealedBidRow.version,
            SealedBidRow.bidder_id,
            SealedBidRow.variant,
            SealedBidRow.submitted_at,
            SealedBidRow.commitment,
            SealedBidRow.technical_commitment,
            SealedBidRow.financial_commitment,
            SealedBidRow.ephemeral_key,
            SealedBidRow.wrapped_key,
            SealedBidRow.ciphertext,
        )
        .where(
            SealedBidRow.procedure_id == procedure_id,
            SealedBidRow.status == BidStatus.LIVE.value,
        )
        .order_by(SealedBidRow.submitted_at, SealedBidRow.id)
    )


async def _framework_prices(tx: Transaction, loaded: Loaded, at: datetime) -> Agreed | None:
    framework_id = loaded.procedure.offering.framework_id
    return None if framework_id is None else await prices_under(tx, framework_id, at)


def _opened(
    loaded: Loaded,
    row: Row[Any],
    key: X25519PrivateKey | Mapping[Holder, X25519PrivateKey],
    agreed: Agreed | None,
) -> dict[str, Any]:
    """Open one envelope into the row of an opened bid, valid or not."""
    procedure = loaded.procedure
    part = first_part(procedure)
    place = Place(procedure.id, row.bidder_id, row.version, part, row.variant)
    envelope = Envelope(bytes(row.ephemeral_key), bytes(row.wrapped_key), bytes(row.ciphertext))
    committed = bytes(row.technical_commitment or row.commitment)
    if not _binds_both(row):
        unsealed: Unsealed | Broken = Broken("The envelopes are not those of the receipt.")
    elif isinstance(key, X25519PrivateKey):
        unsealed = unseal(envelope, place, committed, key)
    else:
        unsealed = unseal_strictly(envelope, place, committed, key)
    content, nonce = None, None
    if isinstance(unsealed, Unsealed):
        content, nonce = unsealed.text.decode(), unsealed.nonce
    return {
        "id": row.id,
        "version": row.version,
        "procedure_id": procedure.id,
        "buyer_id": procedure.buyer_id,
        "bidder_id": row.bidder_id,
        "variant": row.variant,
        "submitted_at": row.submitted_at,
        "commitment": row.commitment,
        "technical_commitment": row.technical_commitment,
        "financial_commitment": row.financial_commitment,
        "nonce": nonce,
        "content": content,
        "invalid_reason": _invalid_reason(
            loaded, row, unsealed, None if agreed is None else agreed.get(row.bidder_id, {})
        ),
    }


def _complete(loaded: Loaded, opened: Sequence[dict[str, Any]]) -> Sequence[dict[str, Any]]:
    """Say of offers that stand beside others why they are invalid where those are missing."""
    valid: dict[UUID, list[int]] = {}
    for row in opened:
        if row["invalid_reason"] is None:
            valid.setdefault(row["bidder_id"], []).append(row["variant"])
    missing = {
        (bidder, number): words
        for bidder, numbers in valid.items()
        for number, words in incomplete(loaded.procedure.offering.variants, numbers).items()
    }
    why = "invalid_reason"
    return [
        {**row, why: row[why] or missing.get((row["bidder_id"], row["variant"]))} for row in opened
    ]


def _binds_both(row: Row[Any]) -> bool:
    if row.technical_commitment is None:
        return True
    parts = Commitments(bytes(row.technical_commitment), bytes(row.financial_commitment))
    return parts.combined() == bytes(row.commitment)


async def _store(tx: Transaction, loaded: Loaded, opened: Sequence[dict[str, Any]]) -> None:
    if not opened:
        return
    await tx.execute(insert(OpenedBidRow), opened)
    for action, valid in ((BidAction.OPEN, True), (BidAction.REJECT, False)):
        ids = [row["id"] for row in opened if (row["invalid_reason"] is None) is valid]
        live = update(SealedBidRow).where(
            SealedBidRow.procedure_id == loaded.procedure.id,
            SealedBidRow.status == BidStatus.LIVE.value,
            SealedBidRow.id.in_(ids),
        )
        await tx.execute(live.values(status=BID.after(BidStatus.LIVE, action).value))


def _invalid_reason(
    loaded: Loaded, row: Row[Any], unsealed: Unsealed | Broken, agreed: Prices | None
) -> str | None:
    if isinstance(unsealed, Broken):
        return unsealed.reason
    try:
        if loaded.procedure.two_envelopes:
            check_technical(loaded.procedure, read_technical(unsealed.text), row.variant)
            return None
        bid = bid_rules.read(unsealed.text)
        if bid is None:
            return "The envelope holds no bid of a known form."
        bid_rules.check_bid(loaded.procedure, bid, row.variant)
        if agreed is not None:
            check_within_framework(loaded.procedure, bid, agreed)
    except InvalidInput as refused:
        return refused.detail
    return None


async def _open_lots(tx: Transaction, loaded: Loaded, words: Words) -> list[LotStatus]:
    """Move each lot on: opened, or unsuccessful where fewer bid for it than asked for.

    Who sends variants is one who bids.
    """
    bidders = {(row.bidder_id, lot_id) for row, part in words for lot_id in part.lot_ids}
    count = Counter(lot_id for _, lot_id in bidders)
    statuses = []
    for lot_id, before in loaded.lot_statuses.items():
        enough = count[lot_id] >= loaded.procedure.minimum_bids
        status = LOT.after(before, LotAction.OPEN if enough else LotAction.FAIL)
        await tx.execute(update(LotRow).where(LotRow.id == lot_id).values(status=status.value))
        statuses.append(status)
    return statuses
