"""Read what is public: in transactions that act for nobody, and so see nothing else."""

import hashlib
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import msgspec
from msgspec import UNSET
from sqlalchemy import Row, func, select

from marketplace.kernel.clock import rfc3339
from marketplace.kernel.errors import NotFound
from marketplace.kernel.limits import RELEASE_PACKAGE_BYTES_MAX
from marketplace.platform.core import Platform
from marketplace.platform.database import Role, Transaction, system_transaction
from marketplace.platform.http.paging import PageRequest, cursor
from rfq.ocds.packages import (
    EXTENSIONS,
    OWN_EXTENSION,
    LinkedRelease,
    Links,
    Package,
    Publisher,
    Record,
    ReleaseEntry,
    ReleaseFeed,
)
from rfq.ocds.release import encode
from rfq.ocds.tables import FeedRow, RecordRow, ReleaseRow

ROOT: Final = "/v1/open-data"
_ENTRY: Final = (
    FeedRow.number,
    FeedRow.published_at,
    ReleaseRow.ocid,
    ReleaseRow.release_id,
    ReleaseRow.released_at,
    ReleaseRow.tags,
    ReleaseRow.digest,
    ReleaseRow.chain,
)


@dataclass(frozen=True, slots=True)
class Published:
    """A document as it is served, and its SHA-256 in hexadecimal."""

    content: bytes
    sha256: str

    @classmethod
    def of(cls, document: object) -> "Published":
        """Write a document."""
        content = encode(document)
        return cls(content, hashlib.sha256(content).hexdigest())


async def list_releases(
    platform: Platform, asked: PageRequest, since: datetime | None
) -> ReleaseFeed:
    """List releases of all processes, the first published first; with `since`, from then on."""
    after = asked.key(int) or 0
    statement = (
        select(*_ENTRY)
        .join(ReleaseRow, ReleaseRow.id == FeedRow.release_id)
        .where(FeedRow.number > after)
        .order_by(FeedRow.number)
        .limit(asked.fetch)
    )
    async with system_transaction(platform, Role.API) as tx:
        if since is not None:
            statement = statement.where(FeedRow.number >= _first_since(since))
        rows = await tx.all(statement)
    entries = [_entry(platform, row) for row in rows[: asked.limit]]
    last = entries[-1].number if entries else after
    return ReleaseFeed(items=entries, next=cursor(last), more=len(rows) > asked.limit)


def _first_since(since: datetime) -> Any:
    """Give the first place from an instant on: places are given in the order of time."""
    return (
        select(FeedRow.number)
        .where(FeedRow.published_at >= since)
        .order_by(FeedRow.published_at, FeedRow.number)
        .limit(1)
        .scalar_subquery()
    )


def _entry(platform: Platform, row: Row[Any]) -> ReleaseEntry:
    return ReleaseEntry(
        number=row.number,
        published_at=row.published_at,
        ocid=row.ocid,
        id=row.release_id,
        date=row.released_at,
        tag=row.tags,
        url=release_url(platform, row.release_id),
        sha256=bytes(row.digest).hex(),
        chain=bytes(row.chain).hex(),
    )


def release_url(platform: Platform, release_id: str) -> str:
    """Give the address of a release."""
    return f"{platform.settings.public_url}{ROOT}/releases/{release_id}"


async def read_release(platform: Platform, release_id: str) -> Published:
    """Read a release, byte by byte as it was published; raises NotFound."""
    async with system_transaction(platform, Role.API) as tx:
        row = await _release(tx, release_id)
    return Published(row.document.encode(), bytes(row.digest).hex())


async def _release(tx: Transaction, release_id: str) -> Row[Any]:
    row = await tx.maybe(
        select(ReleaseRow.document, ReleaseRow.digest, ReleaseRow.released_at).where(
            ReleaseRow.release_id == release_id
        )
    )
    if row is None:
        raise NotFound("There is no such release.")
    return row


async def release_package(platform: Platform, release_id: str) -> Published:
    """Read one release as a package; raises NotFound."""
    async with system_transaction(platform, Role.API) as tx:
        row = await _release(tx, release_id)
    uri = f"{release_url(platform, release_id)}/package"
    releases = [msgspec.Raw(row.document.encode())]
    return Published.of(_package(platform, uri, row.released_at, releases=releases))


async def process_package(platform: Platform, ocid: str, asked: PageRequest) -> Published:
    """Read the releases of one process as packages, a page each; raises NotFound.

    A page has fewer than asked for where they are large.
    """
    after = asked.key(int) or 0
    size = func.octet_length(ReleaseRow.document)
    before = func.sum(size).over(order_by=ReleaseRow.number) - size
    page = (
        select(ReleaseRow.number, before.label("before"))
        .where(ReleaseRow.ocid == ocid, ReleaseRow.number > after)
        .order_by(ReleaseRow.number)
        .limit(asked.fetch)
        .subquery()
    )
    statement = (
        select(ReleaseRow.number, ReleaseRow.document, ReleaseRow.released_at)
        .join(page, page.c.number == ReleaseRow.number)
        .where(ReleaseRow.ocid == ocid, page.c.before < RELEASE_PACKAGE_BYTES_MAX)
        .order_by(ReleaseRow.number)
        .limit(asked.limit)
    )
    async with system_transaction(platform, Role.API) as tx:
        shown = await tx.all(statement)
        more = bool(shown) and await tx.scalar(
            select(ReleaseRow.id)
            .where(ReleaseRow.ocid == ocid, ReleaseRow.number > shown[-1].number)
            .limit(1)
        )
    if not shown:
        raise NotFound("There is no such process, or it has no releases after this one.")
    base = f"{platform.settings.public_url}{ROOT}/records/{ocid}/releases"
    query = f"limit={asked.limit}"
    package = _package(
        platform,
        f"{base}?{query}" + (f"&after={asked.after}" if asked.after else ""),
        shown[-1].released_at,
        releases=[msgspec.Raw(row.document.encode()) for row in shown],
    )
    if more:
        package.links = Links(next=f"{base}?{query}&after={cursor(shown[-1].number)}")
    return Published.of(package)


async def read_record(platform: Platform, ocid: str) -> Published:
    """Read the record of a process; raises NotFound."""
    record, _ = await _record(platform, ocid)
    return Published.of(record)


async def record_package(platform: Platform, ocid: str) -> Published:
    """Read the record of a process as a package; raises NotFound."""
    record, merged_at = await _record(platform, ocid)
    uri = f"{platform.settings.public_url}{ROOT}/records/{ocid}/package"
    return Published.of(_package(platform, uri, merged_at, records=[record]))


async def _record(platform: Platform, ocid: str) -> tuple[Record, datetime]:
    async with system_transaction(platform, Role.API) as tx:
        row = await tx.maybe(
            select(RecordRow.compiled, RecordRow.releases, RecordRow.merged_at).where(
                RecordRow.ocid == ocid
            )
        )
        if row is None:
            raise NotFound("There is no such process.")
        # Those that are merged, so that list and compiled release tell the same.
        releases = await tx.all(
            select(ReleaseRow.release_id, ReleaseRow.released_at, ReleaseRow.tags)
            .where(ReleaseRow.ocid == ocid, ReleaseRow.number <= row.releases)
            .order_by(ReleaseRow.number)
        )
    linked = [
        LinkedRelease(
            url=release_url(platform, each.release_id),
            date=rfc3339(each.released_at),
            tag=each.tags,
        )
        for each in releases
    ]
    compiled = msgspec.Raw(row.compiled.encode())
    return Record(ocid=ocid, releases=linked, compiled_release=compiled), row.merged_at


def _package(
    platform: Platform,
    uri: str,
    published_at: datetime,
    *,
    releases: list[msgspec.Raw] | None = None,
    records: list[Record] | None = None,
) -> Package:
    own = f"{platform.settings.public_url}{OWN_EXTENSION}/extension.json"
    return Package(
        uri=uri,
        extensions=[*EXTENSIONS, own],
        published_date=rfc3339(published_at),
        publisher=Publisher(name=platform.settings.publisher),
        releases=UNSET if releases is None else releases,
        records=UNSET if records is None else records,
    )
