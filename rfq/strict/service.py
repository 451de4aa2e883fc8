"""Take envelopes that clients sealed, and open them with the keys of two holders."""

from datetime import datetime
from uuid import UUID

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from sqlalchemy import select

from marketplace.kernel.errors import StaleVersion, invalid
from marketplace.kernel.events import Event
from marketplace.kernel.ids import new_id
from marketplace.platform.caller import Caller
from marketplace.platform.core import Platform
from marketplace.platform.database import Transaction, retries_conflicts, transaction
from marketplace.platform.idempotency import IdempotencyKey, keep, replay
from rfq.bids.envelopes import SealedVersion
from rfq.bids.receiving import Version, numbers_of, receiving
from rfq.bids.schemas import ReceiptView
from rfq.bids.service import leave, receipt_view, store_version
from rfq.key_store import KeyStore
from rfq.opening.prices import Shown, open_prices
from rfq.opening.service import close_bids, open_bids, released_key
from rfq.procedures.publishing import load_own
from rfq.procedures.reading import buyer_view, load
from rfq.procedures.schemas import BuyerProcedureView
from rfq.rules.bid import BidAction, BidStatus, Part, entry_count
from rfq.rules.envelopes import Commitments
from rfq.rules.procedure import Procedure, Status
from rfq.rules.receipt import Receipt
from rfq.rules.sealing import Envelope, envelope_bytes
from rfq.rules.strict import (
    Holder,
    awaited_part,
    check_envelope,
    check_envelopes,
    check_key,
    check_strict,
    public_keys,
)
from rfq.rules.variants import MAIN, check_another, check_number
from rfq.strict.schemas import EnvelopeInput, FinancialEnvelopeInput, OpeningKeysInput
from rfq.tables import SealedBidRow


@retries_conflicts
async def submit_envelope(
    platform: Platform,
    caller: Caller,
    procedure_id: UUID,
    data: EnvelopeInput,
    key: IdempotencyKey,
) -> ReceiptView:
    """Take a version of a bid that the bidder sealed himself; the one before is replaced.

    What is in it nobody can check before the opening. Raises NotFound, WrongState at or after the
    deadline, Conflict where the procedure seals bids itself, StaleVersion, InvalidInput.
    """
    caller.require("bids:write")
    async with transaction(platform, caller) as tx:
        if (earlier := await replay(tx, key, ReceiptView)) is not None:
            return earlier
        procedure, latest, at = await receiving(
            platform, tx, caller, procedure_id, variant=data.variant
        )
        check_strict(procedure, strict=True)
        sealed = _sealed(procedure, data)
        await _check_new(tx, caller, procedure_id, sealed)
        if data.variant != MAIN:
            await _check_variant(tx, caller, procedure, latest, data.variant)
        bid_id = await _make_way(tx, latest, data.version, at)
        receipt = Receipt(
            procedure_id,
            caller.organization_id,
            bid_id,
            data.version,
            at,
            sealed.commitment,
            data.variant,
        )
        terms = procedure.terms_version
        await store_version(tx, receipt, sealed, terms)
        commitment = sealed.commitment.hex()
        facts: dict[str, object] = {
            "procedure_id": procedure_id,
            "commitment": commitment,
            "variant": data.variant,
        }
        audience = frozenset([caller.organization_id])
        tx.emit(Event("bid.submitted", "bid", bid_id, data.version, audience, facts))
        tx.record("bid.submitted", "bid", bid_id, after={"version": data.version, **facts})
        shown = receipt_view(platform, receipt, BidStatus.LIVE, terms, parts=sealed.parts)
        return await keep(tx, key, shown)


async def _check_new(
    tx: Transaction, caller: Caller, procedure_id: UUID, sealed: SealedVersion
) -> None:
    """Refuse a commitment that was sent before: it would stand in the published tree twice.

    Raises InvalidInput.
    """
    earlier = select(SealedBidRow.id).where(
        SealedBidRow.procedure_id == procedure_id,
        SealedBidRow.bidder_id == caller.organization_id,
        SealedBidRow.commitment == sealed.commitment,
    )
    if await tx.scalar(earlier.limit(1)) is not None:
        detail = "You have sent this commitment before: seal each version of each bid anew."
        raise invalid("/commitment", "twice", detail)


async def _check_variant(
    tx: Transaction, caller: Caller, procedure: Procedure, latest: Version | None, number: int
) -> None:
    """Check that another variant is taken, with the next number; a live one may be replaced.

    Raises InvalidInput, Conflict, StaleVersion.
    """
    if latest is not None and latest.status == BidStatus.LIVE:
        return
    numbers = await numbers_of(tx, caller, procedure.id)
    check_another(procedure.offering.variants, [each for each, live in numbers.items() if live])
    if latest is None:
        check_number(number, numbers)


def _sealed(procedure: Procedure, data: EnvelopeInput) -> SealedVersion:
    """Check what can be checked of a version before the opening; raises InvalidInput."""
    check_envelopes(procedure, apart=data.financial is not None)
    size = envelope_bytes(entry_count(procedure))
    first, committed = _envelope(data, size), bytes.fromhex(data.commitment)
    if data.financial is None:
        return SealedVersion(first, committed, {})
    prices = _envelope(data.financial, size, "/financial")
    parts = Commitments(committed, bytes.fromhex(data.financial.commitment))
    return SealedVersion(first, parts.combined(), {}, prices, parts)


def _envelope(
    data: EnvelopeInput | FinancialEnvelopeInput, size_bytes: int, pointer: str = ""
) -> Envelope:
    if len(data.halves) % 2:
        detail = "Hexadecimal has two digits for each byte."
        raise invalid(f"{pointer}/halves", "wrong_size", detail)
    envelope = Envelope(b"", bytes.fromhex(data.halves), bytes.fromhex(data.ciphertext))
    check_envelope(envelope, size_bytes, pointer)
    return envelope


async def _make_way(tx: Transaction, latest: Version | None, version: int, at: datetime) -> UUID:
    """Replace the live version, if there is one; give the bid's id."""
    before = 0 if latest is None else latest.version
    if version != before + 1:
        raise StaleVersion(f"Your bid is at version {before}: seal version {before + 1}.")
    if latest is None:
        return new_id()
    bid_id = latest.id
    if latest.status == BidStatus.LIVE:
        await leave(tx, latest, bid_id, before, action=BidAction.REPLACE, at=at)
    return bid_id


async def show_keys(
    platform: Platform, caller: Caller, procedure_id: UUID, data: OpeningKeysInput
) -> BuyerProcedureView:
    """Open a strict procedure with the keys shown, and the platform's: after its deadline.

    Where the technical result is locked these are the keys for the financial envelopes, of which
    those of who passed are opened. They are used for this and kept nowhere. Raises NotFound,
    Conflict before the deadline, WrongState where none are awaited, InvalidInput for keys of
    others, AwaitingOfficers.
    """
    caller.require("rfq:write")
    async with transaction(platform, caller) as tx:
        loaded = await load_own(tx, caller, procedure_id)
    if await close_bids(platform, procedure_id) is not Status.CLOSED:
        awaited_part(loaded.procedure)
    async with transaction(platform, caller) as tx:
        loaded = await load_own(tx, caller, procedure_id)
        part = awaited_part(loaded.procedure)
        keys = _keys(loaded.procedure, part, data)
        facts = {"holders": sorted(keys), "envelope": part}
        tx.record("procedure.keys_shown", "procedure", procedure_id, after=facts)
    if part is Part.FINANCIAL:
        await open_prices(platform, procedure_id, keys)
    else:
        await _open_first(platform, procedure_id, keys)
    async with transaction(platform, caller) as tx:
        return await buyer_view(tx, await load(tx, procedure_id))


async def _open_first(platform: Platform, procedure_id: UUID, keys: Shown) -> None:
    # The deadline, and officers where there are some, are the key store's to judge in any case.
    released = await released_key(platform, procedure_id)
    store = platform.get(KeyStore)  # type: ignore[type-abstract]
    approvals = await store.approvals(procedure_id)
    await open_bids(platform, procedure_id, {Holder.PLATFORM: released, **keys}, approvals)
    # Where no lot has enough bids no price is ever opened.
    await open_prices(platform, procedure_id)


def _keys(procedure: Procedure, part: Part, data: OpeningKeysInput) -> Shown:
    public = public_keys(procedure, part)
    keys = {}
    for number, shown in enumerate(data.keys):
        if shown.holder not in public:
            detail = "The platform's key is released by the key store."
            raise invalid(f"/keys/{number}/holder", "not_asked", detail)
        private = bytes.fromhex(shown.private_key)
        check_key(shown.holder, private, public[shown.holder], f"/keys/{number}/private_key")
        keys[shown.holder] = X25519PrivateKey.from_private_bytes(private)
    return keys
