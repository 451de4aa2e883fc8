"""Uploaded media: who reads them, and who may name them for a product."""

from collections.abc import Collection, Iterable, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import exists, or_, select

from catalog.categories.service import WRITE
from catalog.media.addresses import as_kept, medium_at
from catalog.media.tables import MediumRow
from catalog.products.reading import known_to
from catalog.products.schemas import MediaInput
from catalog.products.tables import ProductMediaRow, ProductRow
from marketplace.kernel.errors import FieldError, InvalidInput
from marketplace.platform.caller import Caller
from marketplace.platform.database import Transaction


def readable(caller: Caller) -> Any:
    """Say which media a caller reads: his own, and those of products he knows of.

    The operator reads all, for he decides on what is suggested. Values come from `who`.
    """
    if caller.may(WRITE):
        return MediumRow.stored_at.is_not(None)
    shown = exists().where(
        ProductMediaRow.medium_id == MediumRow.id,
        ProductMediaRow.product_id == ProductRow.id,
        known_to(caller),
    )
    return MediumRow.stored_at.is_not(None) & or_(
        MediumRow.owner_id == caller.organization_id, shown
    )


def as_told(media: Sequence[MediaInput], public_url: str) -> None:
    """Make addresses of ours what is kept of them, wherever we were reached."""
    for each in media:
        each.url = as_kept(each.url, public_url)


async def foreign_media(
    tx: Transaction, caller: Caller, media: Iterable[MediaInput]
) -> Collection[UUID]:
    """Give the uploaded media among these that the caller did not upload; one statement for all.

    To the operator none is foreign that is there.
    """
    named = {medium_id for each in media if (medium_id := medium_at(each.url)) is not None}
    if not named:
        return ()
    own = select(MediumRow.id).where(MediumRow.id.in_(named), MediumRow.stored_at.is_not(None))
    if not caller.may(WRITE):
        own = own.where(MediumRow.owner_id == caller.organization_id)
    return named - {row.id for row in await tx.all(own)}


def check_named(
    media: Sequence[MediaInput], foreign: Collection[UUID], shown: Sequence[MediaInput] = ()
) -> None:
    """Refuse foreign media but those that the product shows already; raises InvalidInput for each.

    A company that could show another's upload elsewhere would keep it from being deleted, and show
    it to others than may see it.
    """
    if not foreign:
        return
    there = {each.url for each in shown}
    errors = [
        FieldError(f"/media/{place}/url", "unknown_medium", "You uploaded no such medium.")
        for place, each in enumerate(media)
        if medium_at(each.url) in foreign and each.url not in there
    ]
    if errors:
        raise InvalidInput(errors[0].detail, errors=errors)


async def check_media(
    tx: Transaction, caller: Caller, media: Sequence[MediaInput], public_url: str
) -> None:
    """Take the media of one product as the operator tells them; raises InvalidInput."""
    as_told(media, public_url)
    check_named(media, await foreign_media(tx, caller, media))
