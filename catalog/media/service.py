"""Upload media, read and delete them.

The same content of the same company is the same medium, so an upload may be repeated. Who reads one
the products say that show it (`naming.readable`).
"""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Row, func, select, update
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.exc import IntegrityError

from catalog.categories.service import WRITE
from catalog.media.addresses import address_of
from catalog.media.forgetting import SHOWN, facts, file_key, remind, remove
from catalog.media.naming import readable
from catalog.media.schemas import MediumView
from catalog.media.tables import MediumRow
from catalog.products.reading import READ, who
from marketplace.kernel.errors import Conflict, NotFound, Unavailable
from marketplace.kernel.ids import new_id
from marketplace.kernel.limits import (
    MEDIA_AT_ONCE_MAX,
    MEDIA_BYTES_OF_COMPANY_MAX,
    MEDIA_OF_COMPANY_MAX,
    MEDIA_OUT_AT_ONCE_MAX,
    MEDIA_OUT_OF_COMPANY_MAX,
)
from marketplace.platform.caller import Caller
from marketplace.platform.contents.kinds import DocumentKind, check_name
from marketplace.platform.contents.receiving import Content, HeldContents, keep_file, received
from marketplace.platform.contents.releasing import Download, in_room, unchanged
from marketplace.platform.contents.scanning import Scan
from marketplace.platform.core import Platform
from marketplace.platform.database import Transaction, transaction
from marketplace.platform.http.paging import Page, PageRequest, page
from marketplace.platform.shares import Shares

TELL: Final = "catalog:write"
KINDS: Final = frozenset({DocumentKind.PNG, DocumentKind.JPEG, DocumentKind.WEBP, DocumentKind.PDF})
_COLUMNS: Final = (
    MediumRow.id,
    MediumRow.owner_id,
    MediumRow.digest,
    MediumRow.media_type,
    MediumRow.size_bytes,
    MediumRow.file_name,
    MediumRow.uploaded_at,
    MediumRow.stored_at,
    SHOWN.label("shown"),
)


class HeldMedia(HeldContents):
    """The room for media on their way in; one of each company."""

    def __init__(self) -> None:
        super().__init__(at_once=MEDIA_AT_ONCE_MAX, of_company=1)


class MediaGivenOut(Shares):
    """How many media are on their way out of this process, and to whom."""

    def __init__(self) -> None:
        refusal = "Other media are under way; ask again in a moment."
        super().__init__(
            MEDIA_OUT_AT_ONCE_MAX, MEDIA_OUT_OF_COMPANY_MAX, refusal=refusal, retry_after_s=2
        )


async def upload_medium(
    platform: Platform, caller: Caller, name: str, chunks: AsyncIterator[bytes]
) -> MediumView:
    """Take a picture or a paper in; the same content again is the same, under its first name.

    Raises Conflict beyond the bounds of a company, BodyTooLarge, InvalidInput for what is not
    taken, Unavailable while others are under way or the scanner is away.
    """
    caller.require(TELL)
    check_name(name, "?name")
    with platform.get(HeldMedia).room(caller.organization_id):
        content = await received(platform, chunks, KINDS)
        if content.scan is not Scan.CLEAN:
            detail = "The scanner does not answer, and nothing is taken without it."
            raise Unavailable(detail, retry_after_s=30)
        async with transaction(platform, caller) as tx:
            medium_id = await _announce(tx, caller, name, content)
        async with transaction(platform, caller) as tx:
            return _view(await _keep(platform, tx, caller, medium_id, content))


async def _announce(tx: Transaction, caller: Caller, name: str, content: Content) -> UUID:
    """Write the row before the content, so that none is stored that nobody finds."""
    await _check_bounds(tx, caller, content)
    at = await tx.clock()
    row = await tx.one(
        upsert(MediumRow)
        .values(
            id=new_id(),
            owner_id=caller.organization_id,
            digest=bytes.fromhex(content.sha256),
            media_type=content.kind.value,
            size_bytes=len(content.data),
            file_name=name,
            uploaded_by=caller.member_id,
            uploaded_at=at,
            stored_at=None,
        )
        .on_conflict_do_update(index_elements=["owner_id", "digest"], set_={"uploaded_at": at})
        .returning(MediumRow.id)
    )
    await remind(tx, [row.id])
    medium_id: UUID = row.id
    return medium_id


async def _check_bounds(tx: Transaction, caller: Caller, content: Content) -> None:
    others = await tx.one(
        select(func.count().label("number"), func.sum(MediumRow.size_bytes).label("size")).where(
            MediumRow.owner_id == caller.organization_id,
            MediumRow.digest != bytes.fromhex(content.sha256),
        )
    )
    if others.number >= MEDIA_OF_COMPANY_MAX:
        raise Conflict(
            f"A company has at most {MEDIA_OF_COMPANY_MAX:,} media; delete some that are not shown."
        )
    if (others.size or 0) + len(content.data) > MEDIA_BYTES_OF_COMPANY_MAX:
        most = MEDIA_BYTES_OF_COMPANY_MAX // 1_073_741_824
        raise Conflict(
            f"The media of a company have at most {most} GB; delete some that are not shown."
        )


async def _keep(
    platform: Platform, tx: Transaction, caller: Caller, medium_id: UUID, content: Content
) -> Row[Any]:
    """Store the content, once: a twin waits for the row."""
    own = MediumRow.id == medium_id
    stored_at = select(MediumRow.stored_at).where(own).with_for_update()
    row = await tx.maybe(stored_at)
    if row is None:
        raise Conflict("It was deleted meanwhile; send it again.")
    if row.stored_at is None:
        owner_id, digest = caller.organization_id, bytes.fromhex(content.sha256)
        await keep_file(platform, file_key(owner_id, digest), content.data)
        await tx.execute(update(MediumRow).where(own).values(stored_at=func.clock()))
        after = {"media_type": content.kind.value, "sha256": content.sha256}
        tx.record("medium.uploaded", "medium", medium_id, after=after)
    return await tx.one(select(*_COLUMNS).where(own))


async def list_media(platform: Platform, caller: Caller, asked: PageRequest) -> Page[MediumView]:
    """List what the caller's company uploaded, oldest first; for the operator all."""
    caller.require(TELL)
    statement = (
        select(*_COLUMNS)
        .where(MediumRow.stored_at.is_not(None))
        .order_by(MediumRow.id)
        .limit(asked.fetch)
    )
    if not caller.may(WRITE):
        statement = statement.where(MediumRow.owner_id == caller.organization_id)
    if (after := asked.key(UUID)) is not None:
        statement = statement.where(MediumRow.id > after)
    async with transaction(platform, caller) as tx:
        rows = await tx.all(statement)
    return page(asked, [_view(row) for row in rows], lambda view: view.id)


@dataclass(frozen=True, slots=True)
class StoredMedium:
    """A medium as it is given out."""

    key: str
    sha256: str
    kind: DocumentKind
    size_bytes: int
    file_name: str


async def find_medium(platform: Platform, caller: Caller, medium_id: UUID) -> StoredMedium:
    """Find a medium that the caller may read; raises NotFound."""
    caller.require(READ)
    async with transaction(platform, caller) as tx:
        row = await tx.maybe(
            select(*_COLUMNS).where(MediumRow.id == medium_id, readable(caller)), who(caller)
        )
    if row is None:
        raise _unknown()
    return StoredMedium(
        file_key(row.owner_id, row.digest),
        bytes(row.digest).hex(),
        DocumentKind(row.media_type),
        row.size_bytes,
        row.file_name,
    )


def give_out(platform: Platform, caller: Caller, found: StoredMedium) -> Download:
    """Give a medium out; its first piece raises Unavailable while too many are under way.

    And NotFound for one that was changed where it is stored.
    """
    pieces = unchanged(platform, found.key, found.sha256)
    shared = in_room(platform.get(MediaGivenOut), caller.organization_id, pieces)
    return Download(shared, found.size_bytes, found.kind, found.file_name)


async def delete_medium(platform: Platform, caller: Caller, medium_id: UUID) -> None:
    """Delete an own upload, or as the operator any, that no product shows.

    Raises NotFound, and Conflict while a product shows it.
    """
    caller.require(TELL)
    own = MediumRow.id == medium_id
    if not caller.may(WRITE):
        own &= MediumRow.owner_id == caller.organization_id
    async with transaction(platform, caller) as tx:
        try:
            row = await remove(platform, tx, own)
        except IntegrityError as error:
            raise Conflict("A product shows it; take it out there first.") from error
        if row is None:
            raise _unknown()
        tx.record("medium.deleted", "medium", medium_id, before=facts(row))


def _unknown() -> NotFound:
    return NotFound("There is no such medium.")


def _view(row: Row[Any]) -> MediumView:
    return MediumView(
        id=row.id,
        owner_id=row.owner_id,
        url=address_of(row.id),
        file_name=row.file_name,
        media_type=row.media_type,
        size_bytes=row.size_bytes,
        sha256=bytes(row.digest).hex(),
        uploaded_at=row.uploaded_at,
        shown=row.shown,
    )
