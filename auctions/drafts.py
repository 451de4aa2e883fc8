"""Drafts: what a buyer lays down before anybody is invited, and how it becomes rows."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from random import SystemRandom
from typing import Any, Final
from uuid import UUID

import msgspec
from sqlalchemy import Row, insert, select

from auctions.engine.checks import check_terms
from auctions.engine.decide import check_invitations
from auctions.engine.events import Invitation
from auctions.engine.scoring import Adjustment
from auctions.engine.terms import Terms, in_digits
from auctions.tables import AuctionRow, LotRow, ParticipantRow
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
class AuctionDraft:
    """An auction to open. Equal opening amounts rank in the order of the participants."""

    buyer_id: UUID
    unit_id: UUID
    title: str
    terms: Terms
    participants: tuple[Participant, ...]
    origin: Origin | None = None
    lot_title: str | None = None


async def insert_draft(tx: Transaction, draft: AuctionDraft, pointer: str) -> UUID:
    """Write an auction that nobody is invited to yet; raises InvalidInput under `pointer`."""
    terms = check_terms(draft.terms, pointer)
    await _check_suppliers(tx, draft, pointer)
    auction_id, lot_id = new_id(), new_id()
    await tx.execute(
        insert(AuctionRow).values(
            id=auction_id,
            buyer_id=draft.buyer_id,
            unit_id=draft.unit_id,
            title=draft.title,
            currency=terms.currency,
            status="draft",
            origin_kind=None if draft.origin is None else draft.origin.kind,
            origin_id=None if draft.origin is None else draft.origin.id,
        )
    )
    await tx.execute(
        insert(LotRow).values(
            id=lot_id,
            auction_id=auction_id,
            buyer_id=draft.buyer_id,
            place=1,
            title=draft.lot_title or draft.title,
            terms=msgspec.to_builtins(terms),
            phase="draft",
            hash=GENESIS,
            starts_at=terms.starts_at,
            closes_at=terms.ends_at,
        )
    )
    rows = _participant_rows(draft, auction_id, lot_id, pointer)
    await tx.execute(insert(ParticipantRow), rows)
    return auction_id


async def _check_suppliers(tx: Transaction, draft: AuctionDraft, pointer: str) -> None:
    asked = [participant.organization_id for participant in draft.participants]
    rows = await tx.all(
        select(OrganizationRow.id).where(
            OrganizationRow.id.in_(asked), OrganizationRow.supplier, OrganizationRow.active
        )
    )
    known = {row.id for row in rows} - {draft.buyer_id}
    errors = [
        FieldError(
            f"{pointer}/participants/{place}/organization_id",
            "no_supplier",
            "This is no other company that sells here.",
        )
        for place, organization_id in enumerate(asked)
        if organization_id not in known
    ]
    if len(set(asked)) < len(asked):
        detail = "An organization is invited twice."
        errors.append(FieldError(f"{pointer}/participants", "duplicate", detail))
    if errors:
        raise InvalidInput("The list of participants is not right.", errors=errors)


def _participant_rows(
    draft: AuctionDraft, auction_id: UUID, lot_id: UUID, pointer: str
) -> list[dict[str, Any]]:
    taken = {participant.alias for participant in draft.participants}
    if len(taken - {None}) < sum(p.alias is not None for p in draft.participants):
        raise invalid(f"{pointer}/participants", "duplicate", "Two participants have one alias.")
    drawn = iter(draw_aliases(taken))
    invitations = [
        Invitation(
            bidder=participant.organization_id,
            alias=participant.alias or next(drawn),
            bid_id=new_id(),
            opening=participant.opening_amount,
            currency=participant.currency,
            adjustment=participant.adjustment,
        )
        for participant in draft.participants
    ]
    check_invitations(draft.terms, invitations, pointer)
    return [
        {
            "lot_id": lot_id,
            "organization_id": invitation.bidder,
            "auction_id": auction_id,
            "buyer_id": draft.buyer_id,
            "place": place,
            "alias": invitation.alias,
            "opening_amount": invitation.opening,
            "bid_id": invitation.bid_id,
            "currency": invitation.currency,
            "adjustment": None
            if invitation.adjustment is None
            else msgspec.to_builtins(invitation.adjustment),
        }
        for place, invitation in enumerate(invitations, start=1)
    ]


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
            ParticipantRow.adjustment,
        )
        .where(ParticipantRow.lot_id.in_(lot_ids))
        .order_by(ParticipantRow.lot_id, ParticipantRow.place)
    )


def unknown_auction() -> NotFound:
    """Give the error of whoever has nothing to do with an auction."""
    return NotFound("There is no such auction.")
