"""What a supplier keeps under names of his own, segments and assortments: made, renamed, listed."""

from collections.abc import Mapping
from typing import Any, Final, Generic, TypeVar
from uuid import UUID

from sqlalchemy import ColumnElement, Row, Select, delete, func, insert, select, update
from sqlalchemy.exc import IntegrityError

from catalog.assortments.tables import AssortmentRow
from catalog.customers.tables import SegmentRow
from marketplace.kernel.errors import Conflict, NotFound, StaleVersion
from marketplace.kernel.events import Event
from marketplace.kernel.ids import new_id
from marketplace.platform.caller import Caller
from marketplace.platform.core import Platform
from marketplace.platform.database import Transaction, constraint_of, transaction
from marketplace.platform.http.paging import Page, PageRequest, page
from marketplace.platform.idempotency import IdempotencyKey, keep, replay

V = TypeVar("V")
_COLUMNS: Final = ("id", "name", "version", "created_at", "updated_at")


class Named(Generic[V]):
    """The verbs of one kind of named thing.

    `view` has the columns of `_COLUMNS` and those of `counts`. Only the supplier hears of a change:
    whom it concerns must not learn that there is such a thing.
    """

    def __init__(
        self,
        word: str,
        row: type[SegmentRow] | type[AssortmentRow],
        view: type[V],
        counts: tuple[ColumnElement[int], ...],
        scope: str,
        most: int,
    ) -> None:
        self.word = word
        self._row = row
        self._view = view
        self._columns = (*(getattr(row, name) for name in _COLUMNS), *counts)
        self._scope = scope
        self._most = most

    def _own(self, caller: Caller) -> Select[*tuple[Any, ...]]:
        return select(*self._columns).where(self._row.supplier_id == caller.organization_id)

    def _shown(self, row: Row[Any]) -> V:
        return self._view(**row._mapping)  # noqa: SLF001 - SQLAlchemy's public name for it

    async def create(self, platform: Platform, caller: Caller, name: str, key: IdempotencyKey) -> V:
        """Make an empty one; raises Conflict for a name that is taken, and beyond the bound."""
        caller.require(self._scope)
        made = new_id()
        async with transaction(platform, caller) as tx:
            if (earlier := await replay(tx, key, self._view)) is not None:
                return earlier
            count: int = await tx.scalar(
                select(func.count())
                .select_from(self._row)
                .where(self._row.supplier_id == caller.organization_id)
            )
            if count >= self._most:
                raise Conflict(f"You have {count} {self.word}s; more are refused.")
            values = {"id": made, "supplier_id": caller.organization_id, "name": name}
            await self._write(tx, insert(self._row).values(values))
            self.tell(tx, caller, "created", made, 1, {"name": name})
            return await keep(tx, key, await self.view(tx, caller, made))

    async def _write(self, tx: Transaction, statement: Any) -> int:
        try:
            return await tx.execute(statement)
        except IntegrityError as error:
            if constraint_of(error) == f"uq_{self._row.__tablename__}_supplier_id_name":
                raise Conflict(f"Another {self.word} of yours has this name.") from error
            raise

    async def list(self, platform: Platform, caller: Caller, asked: PageRequest) -> Page[V]:
        """List the caller's own, the newest first."""
        caller.require(self._scope)
        statement = self._own(caller).order_by(self._row.id.desc()).limit(asked.fetch)
        if (after := asked.key(UUID)) is not None:
            statement = statement.where(self._row.id < after)
        async with transaction(platform, caller) as tx:
            rows = await tx.all(statement)
        shown = page(asked, rows, lambda row: row.id)
        return Page(items=[self._shown(row) for row in shown.items], next=shown.next)

    async def read(self, platform: Platform, caller: Caller, identifier: UUID) -> V:
        """Read one of the caller's own; raises NotFound."""
        caller.require(self._scope)
        async with transaction(platform, caller) as tx:
            return await self.view(tx, caller, identifier)

    async def view(self, tx: Transaction, caller: Caller, identifier: UUID) -> V:
        """Read one of the caller's own in an open transaction; raises NotFound."""
        row = await tx.maybe(self._own(caller).where(self._row.id == identifier))
        if row is None:
            raise self._not_found()
        return self._shown(row)

    def _not_found(self) -> NotFound:
        return NotFound(f"There is no such {self.word} of yours.")

    async def locked(
        self, tx: Transaction, caller: Caller, identifier: UUID, *, shared: bool = False
    ) -> Row[Any]:
        """Lock one of the caller's own and give its name and version; raises NotFound."""
        row = await tx.maybe(
            select(self._row.name, self._row.version)
            .where(self._row.id == identifier, self._row.supplier_id == caller.organization_id)
            .with_for_update(read=shared)
        )
        if row is None:
            raise self._not_found()
        return row

    async def rename(
        self, platform: Platform, caller: Caller, identifier: UUID, version: int, name: str
    ) -> V:
        """Give it another name; raises NotFound, StaleVersion, and Conflict for one taken."""
        caller.require(self._scope)
        async with transaction(platform, caller) as tx:
            before = await self.locked(tx, caller, identifier)
            if before.version != version:
                raise StaleVersion(f"The present version is {before.version}; read it again.")
            changed = update(self._row).where(self._row.id == identifier)
            await self._write(
                tx, changed.values(name=name, version=version + 1, updated_at=func.clock())
            )
            facts = {"name": name}
            self.tell(tx, caller, "renamed", identifier, version + 1, facts, {"name": before.name})
            return await self.view(tx, caller, identifier)

    async def changed(
        self,
        tx: Transaction,
        caller: Caller,
        identifier: UUID,
        version: int,
        verb: str,
        facts: Mapping[str, object],
    ) -> None:
        """Count up the version of a locked one because what belongs to it changed; tell of it."""
        await tx.execute(
            update(self._row)
            .where(self._row.id == identifier)
            .values(version=version + 1, updated_at=func.clock())
        )
        self.tell(tx, caller, verb, identifier, version + 1, facts)

    async def drop(self, tx: Transaction, caller: Caller, identifier: UUID, before: Any) -> None:
        """Delete a locked one, on which nothing hangs any more."""
        await tx.execute(delete(self._row).where(self._row.id == identifier))
        facts = {"name": before.name}
        self.tell(tx, caller, "deleted", identifier, before.version + 1, {}, facts)

    def tell(
        self,
        tx: Transaction,
        caller: Caller,
        verb: str,
        identifier: UUID,
        version: int,
        after: Mapping[str, object],
        before: Mapping[str, object] | None = None,
    ) -> None:
        """Write audit trail and event of a change; the supplier alone reads either."""
        kind, audience = f"{self.word}.{verb}", frozenset({caller.organization_id})
        tx.emit(Event(kind, self.word, identifier, version, audience, after))
        tx.record(kind, self.word, identifier, before=before, after=after)
