"""The supplier's verbs: read his orders, confirm, despatch."""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any
from uuid import UUID

import msgspec
from sqlalchemy import Row, Select, bindparam, insert, select, update

from marketplace.kernel.canonical import plain_decimal
from marketplace.kernel.errors import NotFound
from marketplace.kernel.events import Event
from marketplace.kernel.ids import new_id
from marketplace.orders.draws import give_back_of
from marketplace.orders.rules import (
    LineConfirmation,
    LineDespatch,
    LineProgress,
    SupplierOrderState,
    after_confirmation,
    after_despatch,
)
from marketplace.orders.schemas import (
    ConfirmationInput,
    DespatchInput,
    SupplierOrderSummary,
    SupplierOrderView,
)
from marketplace.orders.stock import settle_confirmed, settle_despatched
from marketplace.orders.tables import (
    ConfirmationRow,
    DespatchRow,
    SupplierOrderLineRow,
    SupplierOrderRow,
)
from marketplace.orders.views import supplier_order_summary, supplier_order_view
from marketplace.platform.caller import Caller
from marketplace.platform.core import Platform
from marketplace.platform.database import Transaction, retries_conflicts, transaction
from marketplace.platform.http.paging import Page, PageRequest, page
from marketplace.platform.idempotency import IdempotencyKey, keep, replay


async def list_supplier_orders(
    platform: Platform, caller: Caller, asked: PageRequest, state: SupplierOrderState | None
) -> Page[SupplierOrderSummary]:
    """List what the caller's company has to deliver, the newest first."""
    caller.require("supplier_orders:read")
    statement = (
        _orders()
        .where(SupplierOrderRow.supplier_id == caller.organization_id)
        .order_by(SupplierOrderRow.id.desc())
        .limit(asked.fetch)
    )
    if (after := asked.key(UUID)) is not None:
        statement = statement.where(SupplierOrderRow.id < after)
    if state is not None:
        statement = statement.where(SupplierOrderRow.state == state.value)
    async with transaction(platform, caller) as tx:
        rows = await tx.all(statement)
    return page(asked, [supplier_order_summary(row) for row in rows], lambda item: item.id)


async def read_supplier_order(
    platform: Platform, caller: Caller, supplier_order_id: UUID
) -> SupplierOrderView:
    """Read a supplier order, as its supplier; raises NotFound."""
    caller.require("supplier_orders:read")
    async with transaction(platform, caller) as tx:
        return await _fetch(tx, caller, supplier_order_id)


@retries_conflicts
async def confirm(
    platform: Platform,
    caller: Caller,
    supplier_order_id: UUID,
    data: ConfirmationInput,
    key: IdempotencyKey,
) -> SupplierOrderView:
    """Answer an order: whole, in part, with other dates, or with refusals, per line.

    Raises what `rules.after_confirmation` raises.
    """
    caller.require("supplier_orders:write")
    answers = [
        LineConfirmation(line.line, Decimal(line.quantity), line.promised_on, line.reason)
        for line in data.lines
    ]
    async with transaction(platform, caller) as tx:
        if (earlier := await replay(tx, key, SupplierOrderView)) is not None:
            return earlier
        order = await lock_supplier_order(tx, caller, supplier_order_id)
        progress = await progress_of(tx, supplier_order_id)
        state, confirmed = after_confirmation(SupplierOrderState(order.state), progress, answers)
        await _store_confirmed(tx, supplier_order_id, confirmed, data, answers)
        await give_back_of(tx, [supplier_order_id], confirmed)
        await settle_confirmed(platform, tx, supplier_order_id, confirmed)
        await tx.execute(
            insert(ConfirmationRow).values(
                **_parties(order),
                id=new_id(),
                supplier_reference=data.supplier_reference,
                lines=msgspec.to_builtins(data.lines),
                confirmed_at=tx.opened_at,
            )
        )
        reference = data.supplier_reference or order.supplier_reference
        fact = "refused" if state is SupplierOrderState.REFUSED else "confirmed"
        await _advance(tx, order, state, fact, supplier_reference=reference)
        return await keep(tx, key, await _fetch(tx, caller, supplier_order_id))


async def _store_confirmed(
    tx: Transaction,
    supplier_order_id: UUID,
    confirmed: Mapping[int, Decimal],
    data: ConfirmationInput,
    answers: Sequence[LineConfirmation],
) -> None:
    by_line = {answer.line: answer for answer in answers}
    rows = []
    for number, quantity in confirmed.items():
        answer = by_line.get(number)
        promised_on = (answer.promised_on if answer else None) or data.promised_on
        rows.append(
            {
                "of_line": number,
                "new_quantity": quantity,
                "new_promised_on": promised_on if quantity else None,
                "new_reason": answer.reason if answer else "",
            }
        )
    await tx.execute(
        update(SupplierOrderLineRow)
        .where(
            SupplierOrderLineRow.supplier_order_id == supplier_order_id,
            SupplierOrderLineRow.line == bindparam("of_line"),
        )
        .values(
            confirmed_quantity=bindparam("new_quantity"),
            promised_on=bindparam("new_promised_on"),
            reason=bindparam("new_reason"),
        ),
        rows,
    )


@retries_conflicts
async def despatch(
    platform: Platform,
    caller: Caller,
    supplier_order_id: UUID,
    data: DespatchInput,
    key: IdempotencyKey,
) -> SupplierOrderView:
    """Let goods leave, all or in part; raises what `rules.after_despatch` raises."""
    caller.require("supplier_orders:write")
    wanted = [LineDespatch(line.line, Decimal(line.quantity)) for line in data.lines]
    async with transaction(platform, caller) as tx:
        if (earlier := await replay(tx, key, SupplierOrderView)) is not None:
            return earlier
        order = await lock_supplier_order(tx, caller, supplier_order_id)
        progress = await progress_of(tx, supplier_order_id)
        state, leaving = after_despatch(SupplierOrderState(order.state), progress, wanted)
        despatch_id = new_id()
        await _store_despatch(tx, order, despatch_id, data, leaving)
        await settle_despatched(platform, tx, supplier_order_id, progress, leaving)
        await _advance(tx, order, state, "despatched", despatch_id=despatch_id)
        return await keep(tx, key, await _fetch(tx, caller, supplier_order_id))


async def _store_despatch(
    tx: Transaction,
    order: Row[Any],
    despatch_id: UUID,
    data: DespatchInput,
    leaving: Mapping[int, Decimal],
) -> None:
    await tx.execute(
        insert(DespatchRow).values(
            **_parties(order),
            id=despatch_id,
            carrier=data.carrier,
            tracking_number=data.tracking_number,
            expected_on=data.expected_on,
            lines=[
                {"line": number, "quantity": plain_decimal(quantity)}
                for number, quantity in sorted(leaving.items())
            ],
            despatched_at=tx.opened_at,
        )
    )
    await tx.execute(
        update(SupplierOrderLineRow)
        .where(
            SupplierOrderLineRow.supplier_order_id == order.id,
            SupplierOrderLineRow.line == bindparam("of_line"),
        )
        .values(
            despatched_quantity=SupplierOrderLineRow.despatched_quantity + bindparam("leaving")
        ),
        [{"of_line": number, "leaving": quantity} for number, quantity in leaving.items()],
    )


async def _advance(
    tx: Transaction, order: Row[Any], state: SupplierOrderState, fact: str, **more: Any
) -> None:
    """Move a supplier order to its next state and tell both parties."""
    columns = {name: value for name, value in more.items() if name == "supplier_reference"}
    await tx.execute(
        update(SupplierOrderRow)
        .where(SupplierOrderRow.id == order.id)
        .values(state=state.value, version=order.version + 1, **columns)
    )
    payload = {
        "state": state.value,
        "order_id": order.order_id,
        "buyer_id": order.buyer_id,
        "supplier_id": order.supplier_id,
        "buyer_reference": order.buyer_reference,
        **more,
    }
    audience = frozenset({order.buyer_id, order.supplier_id})
    kind = f"supplier_order.{fact}"
    tx.emit(Event(kind, "supplier_order", order.id, order.version + 1, audience, payload))
    before = {"state": order.state, "version": order.version}
    tx.record(kind, "supplier_order", order.id, before=before, after=payload)


def _parties(order: Row[Any]) -> dict[str, UUID]:
    return {
        "supplier_order_id": order.id,
        "buyer_id": order.buyer_id,
        "supplier_id": order.supplier_id,
    }


async def lock_supplier_order(tx: Transaction, caller: Caller, supplier_order_id: UUID) -> Row[Any]:
    """Lock an order the caller's company delivers; raises NotFound for any other.

    The buyer sees the row too; what is done here is the supplier's to do.
    """
    row = await tx.maybe(
        _orders()
        .where(
            SupplierOrderRow.id == supplier_order_id,
            SupplierOrderRow.supplier_id == caller.organization_id,
        )
        .with_for_update()
    )
    if row is None:
        raise NotFound("There is no such supplier order.")
    return row


async def progress_of(tx: Transaction, supplier_order_id: UUID) -> dict[int, LineProgress]:
    """Read how far each line is, by its number."""
    rows = await tx.all(
        select(
            SupplierOrderLineRow.line,
            SupplierOrderLineRow.unit,
            SupplierOrderLineRow.quantity,
            SupplierOrderLineRow.confirmed_quantity,
            SupplierOrderLineRow.despatched_quantity,
        )
        .where(SupplierOrderLineRow.supplier_order_id == supplier_order_id)
        .order_by(SupplierOrderLineRow.line)
    )
    return {
        row.line: LineProgress(
            row.line, row.unit, row.quantity, row.confirmed_quantity, row.despatched_quantity
        )
        for row in rows
    }


async def _fetch(tx: Transaction, caller: Caller, supplier_order_id: UUID) -> SupplierOrderView:
    row = await tx.maybe(
        _orders().where(
            SupplierOrderRow.id == supplier_order_id,
            SupplierOrderRow.supplier_id == caller.organization_id,
        )
    )
    if row is None:
        raise NotFound("There is no such supplier order.")
    lines = await tx.all(
        select(*_LINE)
        .where(SupplierOrderLineRow.supplier_order_id == supplier_order_id)
        .order_by(SupplierOrderLineRow.line)
    )
    despatches = await tx.all(
        select(
            DespatchRow.id,
            DespatchRow.carrier,
            DespatchRow.tracking_number,
            DespatchRow.expected_on,
            DespatchRow.lines,
            DespatchRow.despatched_at,
        )
        .where(DespatchRow.supplier_order_id == supplier_order_id)
        .order_by(DespatchRow.id)
    )
    return supplier_order_view(row, lines, despatches)


def _orders() -> Select[*tuple[Any, ...]]:
    return select(
        SupplierOrderRow.id,
        SupplierOrderRow.version,
        SupplierOrderRow.state,
        SupplierOrderRow.order_id,
        SupplierOrderRow.buyer_id,
        SupplierOrderRow.supplier_id,
        SupplierOrderRow.buyer_reference,
        SupplierOrderRow.supplier_reference,
        SupplierOrderRow.currency,
        SupplierOrderRow.total,
        SupplierOrderRow.terms,
        SupplierOrderRow.ordered_at,
        SupplierOrderRow.placed_at,
    )


_LINE = (
    SupplierOrderLineRow.line,
    SupplierOrderLineRow.sku,
    SupplierOrderLineRow.description,
    SupplierOrderLineRow.unit,
    SupplierOrderLineRow.quantity,
    SupplierOrderLineRow.amount,
    SupplierOrderLineRow.basis,
    SupplierOrderLineRow.line_amount,
    SupplierOrderLineRow.tax_category,
    SupplierOrderLineRow.requested_on,
    SupplierOrderLineRow.confirmed_quantity,
    SupplierOrderLineRow.promised_on,
    SupplierOrderLineRow.reason,
    SupplierOrderLineRow.despatched_quantity,
    SupplierOrderLineRow.price_detail,
    SupplierOrderLineRow.agreed_terms,
)
