"""Drafts: what a buyer lays down before anybody is invited, and how it becomes rows."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from random import SystemRandom
from typing import Any, Final
from uuid import UUID

import msgspec
from msgspec.structs import replace
from sqlalchemy import Row, and_, delete, func, insert, select, update

from auctions.engine.checks import check_terms
from auctions.engine.decide import check_invitations
from auctions.engine.events import Invitation
from auctions.engine.scoring import Adjustment
from auctions.engine.terms import Follows, Terms, in_digits
from auctions.lot_order import LotOrder, lot_pointer
from auctions.tables import AdjustmentRow, AuctionRow, LotRow, ParticipantRow, ReserveRow
from marketplace.kernel.canonical import GENESIS
from marketplace.kernel.errors import (
    FieldError,
    InvalidInput,
    NotFound,
    invalid,
)
from marketplace.kernel.ids import new_id
from marketplace.organizations.tables import OrganizationRow
from marketplace.platform.database import Transaction


@dataclass(frozen=True, slots=True)
class Participant:
    """A supplier to invite. Without an alias one is drawn; it must not tell who he is."""

    organization_id: UUID
    opening_amount: Decimal | None = None
    alias: str | None = None
    currency: str | None = None
    adjustment: Adjustment | None = None


@dataclass(frozen=True, slots=True)
class Origin:
    """What asked for an auction; opaque to auctions. One origin opens one auction."""

    kind: str
    id: UUID


@dataclass(frozen=True, slots=True)
class LotDraft:
    """A lot to open. Equal opening amounts rank in the order of the participants.

    `break_s` is given where it starts so many seconds after the lot before has ended.
    """

    title: str
    terms: Terms
    participants: tuple[Participant, ...]
    break_s: int | None = None


@dataclass(frozen=True, slots=True)
class AuctionDraft:
    """An auction to open."""

    buyer_id: UUID
    unit_id: UUID
    title: str
    lots: tuple[LotDraft, ...]
    order: LotOrder = LotOrder.PARALLEL
    interval_s: int | None = None
    origin: Origin | None = None

    @property
    def facts(self) -> dict[str, Any]:
        """What of it may be changed as long as it is a draft, beside its lots."""
        return {
            "title": self.title,
            "currency": self.lots[0].terms.currency,
            "lot_order": self.order.value,
            "lot_interval_s": self.interval_s,
        }


async def insert_draft(tx: Transaction, draft: AuctionDraft, pointer: str) -> UUID:
    """Write an auction that nobody is invited to yet; raises InvalidInput.

    `pointer` is where the lots lie in what was sent, such as `/lots`; errors of an only lot that
    was not sent as one of a list have no such place, and `pointer` is empty.
    """
    auction_id = new_id()
    lots = _checked(draft, pointer)
    await _check_suppliers(tx, draft, pointer)
    await tx.execute(
        insert(AuctionRow).values(
            id=auction_id,
            buyer_id=draft.buyer_id,
            unit_id=draft.unit_id,
            status="draft",
            origin_kind=None if draft.origin is None else draft.origin.kind,
            origin_id=None if draft.origin is None else draft.origin.id,
            **draft.facts,
        )
    )
    await _insert_lots(tx, auction_id, draft.buyer_id, lots)
    return auction_id


async def replace_draft(
    tx: Transaction, auction_id: UUID, draft: AuctionDraft, pointer: str
) -> None:
    """Lay an auction that is still a draft down anew; raises InvalidInput."""
    lots = _checked(draft, pointer)
    await _check_suppliers(tx, draft, pointer)
    old = select(LotRow.id).where(LotRow.auction_id == auction_id)
    await tx.execute(delete(ParticipantRow).where(ParticipantRow.lot_id.in_(old)))
    await tx.execute(delete(LotRow).where(LotRow.auction_id == auction_id))
    await tx.execute(
        update(AuctionRow)
        .where(AuctionRow.id == auction_id)
        .values(version=AuctionRow.version + 1, updated_at=func.clock(), **draft.facts)
    )
    await _insert_lots(tx, auction_id, draft.buyer_id, lots)


@dataclass(frozen=True, slots=True)
class _CheckedLot:
    id: UUID
    title: str
    terms: Terms
    invitations: list[Invitation]


def _checked(draft: AuctionDraft, pointer: str) -> list[_CheckedLot]:
    """Give the lots with their identifiers and aliases, or raise InvalidInput for all of them."""
    # Who writes on several lots locks them in the order of their identifiers: that of the places.
    ids = sorted(new_id() for _ in draft.lots)
    checked: list[_CheckedLot] = []
    errors: list[FieldError] = []
    for place, lot in enumerate(draft.lots):
        terms, at = lot.terms, lot_pointer(pointer, place)
        if place and lot.break_s is not None:
            terms = replace(terms, follows=Follows(ids[place - 1], lot.break_s))
        try:
            check_terms(terms, at)
            invitations = _invitations(lot, at)
            check_invitations(terms, invitations, at)
            checked.append(_CheckedLot(ids[place], lot.title, terms, invitations))
        except InvalidInput as error:
            errors += error.errors
    if errors:
        raise InvalidInput("The terms of the lots do not fit together.", errors=errors)
    return checked


async def _check_suppliers(tx: Transaction, draft: AuctionDraft, pointer: str) -> None:
    asked = {who.organization_id for lot in draft.lots for who in lot.participants}
    rows = await tx.all(
        select(OrganizationRow.id).where(
            OrganizationRow.id.in_(asked), OrganizationRow.supplier, OrganizationRow.active
        )
    )
    known = {row.id for row in rows} - {draft.buyer_id}
    errors = [
        FieldError(
            f"{lot_pointer(pointer, place)}/participants/{number}/organization_id",
            "no_supplier",
            "This is no other company that sells here.",
        )
        for place, lot in enumerate(draft.lots)
        for number, who in enumerate(lot.participants)
        if who.organization_id not in known
    ]
    if errors:
        raise InvalidInput("The list of participants is not right.", errors=errors)


def _invitations(lot: LotDraft, pointer: str) -> list[Invitation]:
    taken = {participant.alias for participant in lot.participants}
    if len(taken - {None}) < sum(p.alias is not None for p in lot.participants):
        raise invalid(f"{pointer}/participants", "duplicate", "Two participants have one alias.")
    drawn = iter(draw_aliases(taken))
    return [
        Invitation(
            bidder=participant.organization_id,
            alias=participant.alias or next(drawn),
            bid_id=new_id(),
            opening=participant.opening_amount,
            currency=participant.currency,
            adjustment=participant.adjustment,
        )
        for participant in lot.participants
    ]


async def _insert_lots(
    tx: Transaction, auction_id: UUID, buyer_id: UUID, lots: Sequence[_CheckedLot]
) -> None:
    """Write lots; what the buyer keeps to himself goes into tables of its own."""
    rows, invited, reserves, adjustments = [], [], [], []
    for place, lot in enumerate(lots, start=1):
        whose = {"lot_id": lot.id, "buyer_id": buyer_id}
        terms = msgspec.to_builtins(replace(lot.terms, reserve=None))
        rows.append(
            {
                "id": lot.id,
                "auction_id": auction_id,
                "buyer_id": buyer_id,
                "place": place,
                "title": lot.title,
                "terms": terms,
                "phase": "draft",
                "hash": GENESIS,
                "starts_at": lot.terms.starts_at,
                "closes_at": lot.terms.ends_at,
            }
        )
        if lot.terms.reserve is not None:
            reserves.append({**whose, "amount": lot.terms.reserve})
        for number, invitation in enumerate(lot.invitations, start=1):
            who = {**whose, "organization_id": invitation.bidder}
            invited.append({**who, "auction_id": auction_id, **_participant(invitation, number)})
            if invitation.adjustment is not None:
                adjustment = msgspec.to_builtins(invitation.adjustment)
                adjustments.append({**who, "adjustment": adjustment})
    await tx.execute(insert(LotRow), rows)
    await tx.execute(insert(ParticipantRow), invited)
    if reserves:
        await tx.execute(insert(ReserveRow), reserves)
    if adjustments:
        await tx.execute(insert(AdjustmentRow), adjustments)


def _participant(invitation: Invitation, number: int) -> dict[str, Any]:
    return {
        "place": number,
        "alias": invitation.alias,
        "opening_amount": invitation.opening,
        "bid_id": invitation.bid_id,
        "currency": invitation.currency,
    }


def invitation_of(row: Row[Any], terms: Terms) -> Invitation:
    """Read a participant back as one to invite."""
    own = row.adjustment
    opening, currency = row.opening_amount, row.currency or terms.currency
    return Invitation(
        bidder=row.organization_id,
        alias=row.alias,
        bid_id=row.bid_id,
        opening=None if opening is None else in_digits(opening, currency),
        currency=row.currency,
        adjustment=None if own is None else msgspec.convert(own, Adjustment),
    )


def terms_of(row: Row[Any]) -> Terms:
    """Read a lot's terms back, with the reserve where the transaction's caller may see it."""
    terms = msgspec.convert(row.terms, Terms)
    if row.reserve is None:
        return terms
    return replace(terms, reserve=in_digits(row.reserve, terms.currency))


_FIRST: Final = (
    "Amber Azure Coral Crimson Cyan Emerald Golden Indigo Ivory Jade Lilac Maroon Mint Olive "
    "Orange Pearl Plum Ruby Saffron Scarlet Silver Teal Violet White"
).split()
_SECOND: Final = (
    "Badger Bear Crane Deer Eagle Falcon Finch Fox Hare Heron Ibis Lark Lynx Marten Otter Owl "
    "Raven Robin Seal Stork Swan Tern Wolf Wren"
).split()


def draw_aliases(taken: Sequence[str | None] | set[str | None] = ()) -> list[str]:
    """Give aliases in an order nobody can guess; none tells how many bidders there are."""
    aliases = [f"{a} {b}" for a in _FIRST for b in _SECOND if f"{a} {b}" not in taken]
    SystemRandom().shuffle(aliases)
    return aliases


async def lots_of(tx: Transaction, auction_id: UUID, *, lock: bool = False) -> Sequence[Row[Any]]:
    """Give the lots of an auction, as far as the caller may see them; `terms_of` reads theirs."""
    statement = (
        select(
            LotRow.id,
            LotRow.title,
            LotRow.phase,
            LotRow.terms,
            ReserveRow.amount.label("reserve"),
            LotRow.starts_at,
            LotRow.closes_at,
            LotRow.extensions,
        )
        .outerjoin(ReserveRow, ReserveRow.lot_id == LotRow.id)
        .where(LotRow.auction_id == auction_id)
        .order_by(LotRow.place)
    )
    return await tx.all(statement.with_for_update(of=LotRow) if lock else statement)


async def participants_of(tx: Transaction, lot_ids: Sequence[UUID]) -> Sequence[Row[Any]]:
    """Give the participants of these lots, as far as the transaction's caller may see them."""
    return await tx.all(
        select(
            ParticipantRow.lot_id,
            ParticipantRow.organization_id,
            ParticipantRow.alias,
            ParticipantRow.opening_amount,
            ParticipantRow.bid_id,
            ParticipantRow.currency,
            AdjustmentRow.adjustment,
        )
        .outerjoin(
            AdjustmentRow,
            and_(
                AdjustmentRow.lot_id == ParticipantRow.lot_id,
                AdjustmentRow.organization_id == ParticipantRow.organization_id,
            ),
        )
        .where(ParticipantRow.lot_id.in_(lot_ids))
        .order_by(ParticipantRow.lot_id, ParticipantRow.place)
    )


def unknown_auction() -> NotFound:
    """Give the error of whoever has nothing to do with an auction."""
    return NotFound("There is no such auction.")
