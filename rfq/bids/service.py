"""Submit, replace and withdraw sealed bids.

Each passes `receiving` first, which takes the locks and reads the clock.
"""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from types import MappingProxyType
from typing import Final
from uuid import UUID

from msgspec import UNSET
from sqlalchemy import insert, select, update

from catalog.products.rules import RESTRICTED
from catalog.products.tables import OfferRow
from marketplace.contracts.frameworks import prices_under
from marketplace.kernel.errors import Conflict, NotFound, StaleVersion, WrongState
from marketplace.kernel.events import PUBLIC, Event
from marketplace.kernel.ids import new_id
from marketplace.kernel.limits import PAGE_ITEMS_MAX
from marketplace.platform.caller import Caller
from marketplace.platform.core import Platform
from marketplace.platform.database import Transaction, retries_conflicts, transaction
from marketplace.platform.idempotency import IdempotencyKey, keep, replay
from rfq.attachments.naming import check_attachments
from rfq.bids.envelopes import SealedVersion, seal_version
from rfq.bids.inputs import bid_from
from rfq.bids.receiving import VERSION, Version, numbers_of, receiving, version_of
from rfq.bids.schemas import (
    ReceiptList,
    ReceiptView,
    SealedBidInput,
    part_receipts,
    without_secrets,
)
from rfq.opening.tables import OpenedPricesRow, SealedPricesRow
from rfq.procedures.reading import load
from rfq.rules import bid as bid_rules
from rfq.rules.amendment import check_confirmation
from rfq.rules.bid import BID, Bid, BidAction, BidStatus, Part, shown_status
from rfq.rules.competition import check_within_framework
from rfq.rules.envelopes import Commitments, first_part
from rfq.rules.procedure import Procedure
from rfq.rules.receipt import Receipt, sign, signing_key
from rfq.rules.sealing import Envelope, Place
from rfq.rules.strict import check_strict
from rfq.rules.variants import MAIN, check_another, check_withdrawal
from rfq.tables import AmendmentRow, OpenedBidRow, SealedBidRow

RECEIPT_KEY: Final = "rfq receipts"
NO_NONCES: Final[Mapping[Part, bytes | None]] = MappingProxyType({})


@retries_conflicts
async def submit_bid(
    platform: Platform,
    caller: Caller,
    procedure_id: UUID,
    data: SealedBidInput,
    key: IdempotencyKey,
) -> ReceiptView:
    """Receive a bid, seal it, and answer with its receipt; the first, or after a withdrawal.

    Raises NotFound, WrongState at or after the deadline, Conflict where a live bid is to be
    replaced instead, InvalidInput for a bid that does not answer what was asked.
    """
    caller.require("bids:write")
    async with transaction(platform, caller) as tx:
        if (earlier := await replay(tx, key, ReceiptView)) is not None:
            return earlier
        procedure, latest, at = await receiving(platform, tx, caller, procedure_id)
        place = Place(procedure_id, caller.organization_id, 1)
        if data.variant is not None:
            bid_id, latest = new_id(), None
            place = replace(place, variant=await _another(tx, caller, procedure))
        elif latest is None:
            bid_id = new_id()
        elif latest.status == BidStatus.LIVE:
            raise Conflict("You have submitted a bid already: replace it, or withdraw it first.")
        else:
            bid_id, place = latest.id, replace(place, version=latest.version + 1)
        receipt = await _take(platform, tx, procedure, data, bid_id=bid_id, place=place, at=at)
        await keep(tx, key, without_secrets(receipt))
        return receipt


async def _another(tx: Transaction, caller: Caller, procedure: Procedure) -> int:
    """Give the number of another variant; raises InvalidInput, Conflict where none is taken."""
    numbers = await numbers_of(tx, caller, procedure.id)
    check_another(procedure.offering.variants, [each for each, live in numbers.items() if live])
    return max(numbers, default=MAIN) + 1


@retries_conflicts
async def replace_bid(
    platform: Platform,
    caller: Caller,
    procedure_id: UUID,
    bid_id: UUID,
    *,
    data: SealedBidInput,
    version: int,
    key: IdempotencyKey,
) -> ReceiptView:
    """Put another version in the place of the live one, which stays on record as replaced.

    Raises NotFound, WrongState, StaleVersion if `version` is not the live one, InvalidInput.
    """
    caller.require("bids:write")
    async with transaction(platform, caller) as tx:
        if (earlier := await replay(tx, key, ReceiptView)) is not None:
            return earlier
        procedure, latest, at = await receiving(platform, tx, caller, procedure_id, bid_id)
        live = await leave(tx, latest, bid_id, version, action=BidAction.REPLACE, at=at)
        place = Place(procedure_id, caller.organization_id, version + 1, variant=live.variant)
        receipt = await _take(platform, tx, procedure, data, bid_id=bid_id, place=place, at=at)
        await keep(tx, key, without_secrets(receipt))
        return receipt


@retries_conflicts
async def withdraw_bid(
    platform: Platform, caller: Caller, procedure_id: UUID, bid_id: UUID, version: int
) -> ReceiptView:
    """Take the live version back; it stays on record and is not opened.

    Raises NotFound, WrongState, StaleVersion, Conflict for a main bid with variants beside it.
    """
    caller.require("bids:write")
    async with transaction(platform, caller) as tx:
        procedure, latest, at = await receiving(platform, tx, caller, procedure_id, bid_id)
        row = await leave(tx, latest, bid_id, version, action=BidAction.WITHDRAW, at=at)
        if procedure.offering.variants is not None:
            numbers = await numbers_of(tx, caller, procedure_id)
            live = [each for each, is_live in numbers.items() if is_live]
            check_withdrawal(procedure.offering.variants, row.variant, live)
        audience = frozenset([caller.organization_id])
        payload = {"procedure_id": procedure_id}
        tx.emit(Event("bid.withdrawn", "bid", bid_id, version, audience, payload))
        tx.record("bid.withdrawn", "bid", bid_id, after={"version": version, **payload})
        return receipt_view(
            platform, row.receipt(), BidStatus.WITHDRAWN, row.terms_version, parts=row.parts
        )


@retries_conflicts
async def confirm_bid(
    platform: Platform, caller: Caller, procedure_id: UUID, bid_id: UUID, version: int
) -> ReceiptView:
    """Let the own bid stand for the terms as they were amended.

    Raises NotFound, WrongState, StaleVersion, Conflict where there is nothing to confirm, or where
    the lines asked for are others, so that the bid has to be replaced.
    """
    caller.require("bids:write")
    async with transaction(platform, caller) as tx:
        procedure, latest, at = await receiving(platform, tx, caller, procedure_id, bid_id)
        row = _own_live(latest, bid_id, version)
        terms = procedure.terms_version
        check_confirmation(
            bid_terms=row.terms_version,
            terms=terms,
            lines_changed_in=await _lines_changed_in(tx, procedure_id),
        )
        await tx.execute(
            update(SealedBidRow)
            .where(SealedBidRow.id == bid_id, SealedBidRow.version == version)
            .values(terms_version=terms, changed_at=at)
        )
        audience = frozenset([caller.organization_id])
        facts: dict[str, object] = {"procedure_id": procedure_id, "terms_version": terms}
        tx.emit(Event("bid.confirmed", "bid", bid_id, version, audience, facts))
        tx.record("bid.confirmed", "bid", bid_id, after={"version": version, **facts})
        return receipt_view(platform, row.receipt(), BidStatus.LIVE, terms, parts=row.parts)


async def _lines_changed_in(tx: Transaction, procedure_id: UUID) -> list[int]:
    rows = await tx.all(
        select(AmendmentRow.number).where(
            AmendmentRow.procedure_id == procedure_id, AmendmentRow.lines_changed
        )
    )
    return [row.number for row in rows]


async def leave(
    tx: Transaction,
    latest: Version | None,
    bid_id: UUID,
    version: int,
    *,
    action: BidAction,
    at: datetime,
) -> Version:
    """Move the live version out of the way."""
    live = _own_live(latest, bid_id, version)
    status = BID.after(live.status, action)
    await tx.execute(
        update(SealedBidRow)
        .where(SealedBidRow.id == bid_id, SealedBidRow.version == version)
        .values(status=status.value, changed_at=at)
    )
    return live


def _own_live(latest: Version | None, bid_id: UUID, version: int) -> Version:
    """Give the live version of the own bid; raises NotFound, WrongState, StaleVersion."""
    if latest is None or latest.id != bid_id:
        raise NotFound("There is no such bid of your company in this procedure.")
    if latest.status != BidStatus.LIVE:
        detail = f"This bid is {latest.status.value}: there is nothing to change."
        raise WrongState(detail, state=latest.status.value)
    if latest.version != version:
        raise StaleVersion(f"Your bid is at version {latest.version}, not {version}.")
    return latest


async def _take(
    platform: Platform,
    tx: Transaction,
    procedure: Procedure,
    data: SealedBidInput,
    *,
    bid_id: UUID,
    place: Place,
    at: datetime,
) -> ReceiptView:
    """Check, seal and store a version; from here on its text is nowhere but in the envelope."""
    check_strict(procedure, strict=False)
    bid = bid_from(data, first_part(procedure))
    bid_rules.check_bid(procedure, bid, place.variant)
    bid_rules.check_validity(procedure, bid)
    framework_id = procedure.offering.framework_id
    if framework_id is not None:
        agreed = await prices_under(tx, framework_id, at)
        check_within_framework(procedure, bid, agreed.get(place.bidder_id, {}))
    bid_rules.check_skus(procedure, bid, await _offered_units(tx, bid, procedure.buyer_id, place))
    await check_attachments(platform, tx, place, bid.attachments)
    procedure_id, bidder_id, version = place.procedure_id, place.bidder_id, place.version
    sealed = await seal_version(platform, procedure, bid, place)
    receipt = Receipt(
        procedure_id, bidder_id, bid_id, version, at, sealed.commitment, place.variant
    )
    terms = procedure.terms_version
    await store_version(tx, receipt, sealed, terms)
    facts: dict[str, object] = {
        "procedure_id": procedure_id,
        "commitment": sealed.commitment.hex(),
        "variant": place.variant,
    }
    # Its feed is the bidder's alone: nobody else may count bids.
    tx.emit(Event("bid.submitted", "bid", bid_id, version, frozenset([bidder_id]), facts))
    tx.record("bid.submitted", "bid", bid_id, after={"version": version, **facts})
    return receipt_view(
        platform, receipt, BidStatus.LIVE, terms, parts=sealed.parts, nonces=sealed.nonces
    )


async def _offered_units(tx: Transaction, bid: Bid, buyer_id: UUID, place: Place) -> dict[str, str]:
    """Give the bidder's own offers that his bid names and the buyer can order, with their units."""
    skus = {line.sku for line in bid.lines if line.sku is not None}
    if not skus:
        return {}
    rows = await tx.all(
        select(OfferRow.sku, OfferRow.unit).where(
            OfferRow.supplier_id == place.bidder_id,
            OfferRow.sku.in_(skus),
            OfferRow.state == "active",
            # A restricted one too: it is the supplier who names it to this buyer.
            OfferRow.audience_id.in_([PUBLIC, RESTRICTED, buyer_id]),
        )
    )
    return {row.sku: row.unit for row in rows}


async def _store_prices(tx: Transaction, receipt: Receipt, envelope: Envelope) -> None:
    await tx.execute(
        insert(SealedPricesRow).values(
            bid_id=receipt.bid_id,
            version=receipt.version,
            procedure_id=receipt.procedure_id,
            bidder_id=receipt.bidder_id,
            ephemeral_key=envelope.ephemeral_key,
            wrapped_key=envelope.wrapped_key,
            ciphertext=envelope.ciphertext,
        )
    )


async def store_version(
    tx: Transaction, receipt: Receipt, sealed: SealedVersion, terms: int
) -> None:
    """Write down a version of a bid, sealed, in one envelope or two."""
    parts, envelope = sealed.parts, sealed.envelope
    await tx.execute(
        _STORE,
        {
            "id": receipt.bid_id,
            "version": receipt.version,
            "procedure_id": receipt.procedure_id,
            "bidder_id": receipt.bidder_id,
            "variant": receipt.variant,
            "status": BidStatus.LIVE.value,
            "terms_version": terms,
            "submitted_at": receipt.submitted_at,
            "commitment": receipt.commitment,
            "technical_commitment": parts and parts.technical,
            "financial_commitment": parts and parts.financial,
            "ephemeral_key": envelope.ephemeral_key,
            "wrapped_key": envelope.wrapped_key,
            "ciphertext": envelope.ciphertext,
        },
    )
    if sealed.prices is not None:
        await _store_prices(tx, receipt, sealed.prices)


_STORE: Final = insert(SealedBidRow)


def receipt_view(
    platform: Platform,
    receipt: Receipt,
    status: BidStatus,
    terms: int,
    *,
    parts: Commitments | None = None,
    nonces: Mapping[Part, bytes | None] = NO_NONCES,
) -> ReceiptView:
    """Sign a receipt and show it; with its nonces only once."""
    nonce = nonces.get(Part.WHOLE)
    signer = signing_key(platform.secrets.key(RECEIPT_KEY))
    return ReceiptView(
        procedure_id=receipt.procedure_id,
        bidder_id=receipt.bidder_id,
        bid_id=receipt.bid_id,
        version=receipt.version,
        variant=receipt.variant,
        status=status,
        terms_version=terms,
        submitted_at=receipt.submitted_at,
        commitment=receipt.commitment.hex(),
        signature=sign(receipt, signer).hex(),
        signing_key=signer.public_key().public_bytes_raw().hex(),
        nonce=UNSET if nonce is None else nonce.hex(),
        parts=UNSET if parts is None else part_receipts(parts, nonces),
    )


async def list_receipts(platform: Platform, caller: Caller, procedure_id: UUID) -> ReceiptList:
    """List the receipts of all versions of the company's bids, of each the newest first.

    Raises NotFound where the procedure is not to be seen. After the opening the nonce of the opened
    version is shown again.
    """
    caller.require("bids:read")
    async with transaction(platform, caller) as tx:
        loaded = await load(tx, procedure_id)
        rows = await tx.all(
            select(*VERSION)
            .where(
                SealedBidRow.procedure_id == procedure_id,
                SealedBidRow.bidder_id == caller.organization_id,
            )
            .order_by(SealedBidRow.variant, SealedBidRow.version.desc())
            .limit(PAGE_ITEMS_MAX)
        )
        versions = [version_of(row, procedure_id, caller.organization_id) for row in rows]
        opened = await tx.all(
            select(
                OpenedBidRow.id,
                OpenedBidRow.version,
                OpenedBidRow.nonce,
                OpenedPricesRow.nonce.label("prices_nonce"),
            )
            .outerjoin(OpenedPricesRow, OpenedPricesRow.bid_id == OpenedBidRow.id)
            .where(
                OpenedBidRow.procedure_id == procedure_id,
                OpenedBidRow.bidder_id == caller.organization_id,
            )
        )
    terms = loaded.procedure.terms_version
    first = first_part(loaded.procedure)
    shown = {
        (row.id, row.version): {first: row.nonce, Part.FINANCIAL: row.prices_nonce}
        for row in opened
    }
    return ReceiptList(
        items=[
            receipt_view(
                platform,
                each.receipt(),
                shown_status(each.status, each.terms_version, terms),
                each.terms_version,
                parts=each.parts,
                nonces=shown.get((each.id, each.version), NO_NONCES),
            )
            for each in versions
        ]
    )
