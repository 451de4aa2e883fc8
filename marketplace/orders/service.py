"""The buyer's verbs: submit, cancel; and what happens when approval is given or refused."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import msgspec
from sqlalchemy import Row, Select, bindparam, func, select, update

from marketplace.approvals.rules import ORDER_RULE, Requester, needs_approval
from marketplace.approvals.service import ask_approval, withdraw_approval
from marketplace.kernel.canonical import content_hash
from marketplace.kernel.errors import Conflict, NotFound, StaleVersion
from marketplace.kernel.events import Event
from marketplace.kernel.ids import new_id
from marketplace.kernel.money import Money
from marketplace.orders.draws import draw_for, give_back_of
from marketplace.orders.placement import (
    OrderHeader,
    lines_of,
    split,
    tell_order,
    tell_parts,
    update_lines,
    write_order,
    write_parts,
)
from marketplace.orders.ports import PriceRequest
from marketplace.orders.pricing import ordered_lines, price_requests, quote, repriced_lines
from marketplace.orders.reading import LINE, ORDER_COLUMNS, fetch_order
from marketplace.orders.rules import (
    ORDER,
    SUPPLIER_ORDER,
    OrderedLine,
    OrderState,
    SupplierOrderState,
    check_cancellable,
    order_content_hash,
    order_total,
    price_instant,
)
from marketplace.orders.schemas import ExternalNumber, OrderInput, OrderView
from marketplace.orders.stock import release_stock, reserve_stock
from marketplace.orders.tables import OrderLineRow, OrderRow, SupplierOrderRow
from marketplace.orders.views import order_view
from marketplace.organizations.rules import check_within
from marketplace.organizations.tables import MemberRow
from marketplace.organizations.tree import present_path
from marketplace.platform.caller import Caller
from marketplace.platform.core import Platform
from marketplace.platform.database import Transaction, retries_conflicts, transaction
from marketplace.platform.idempotency import IdempotencyKey, keep, replay

BACKDATE: Final = "orders:backdate"
"""The scope of importing history at the prices of its time (decision 0302)."""


@retries_conflicts
async def submit_order(
    platform: Platform,
    caller: Caller,
    data: OrderInput,
    external: ExternalNumber | None,
    key: IdempotencyKey | None,
) -> OrderView:
    """Submit an order: placed at once, or waiting for approval above the member's limit.

    The duplicate keys are two: the transport key, and the buyer's own number (`external`). The same
    order under the same number is given back, however often and however many at once it comes.
    Raises InvalidInput pointing at lines that cannot be read or have no price; Conflict for prices
    above those the order states, and for another order under a number that is taken.
    """
    caller.require("orders:write")
    requests = price_requests(data)
    async with transaction(platform, caller) as tx:
        if key is not None and (earlier := await replay(tx, key, OrderView)) is not None:
            return earlier
        view = await submit_in(platform, tx, caller, data, external, requests)
        return view if key is None else await keep(tx, key, view)


async def submit_in(
    platform: Platform,
    tx: Transaction,
    caller: Caller,
    data: OrderInput,
    external: ExternalNumber | None,
    requests: Sequence[PriceRequest],
) -> OrderView:
    """Submit an order within an open transaction: the one way to order.

    `requests` are the lines as `price_requests` reads them. Raises what `submit_order` raises, and
    Conflict where a supplier who refuses backorders has too little.
    """
    caller.require("orders:write")
    requester, taken_by = await _standing(tx, caller, external)
    if taken_by is None:
        at, ordered_at = price_instant(
            data.ordered_at, tx.opened_at, may_backdate=caller.may(BACKDATE)
        )
        quotes = await quote(platform, tx, caller.path, requests, at)
        lines = ordered_lines(data, requests, quotes)
        order = _new_order(caller, data, external, lines, ordered_at=ordered_at, at=tx.opened_at)
        view = await _store(platform, tx, order, lines, requester)
    if taken_by is not None or view is None:
        view = await _same_order(tx, caller, data, external)
    return view


async def _standing(
    tx: Transaction, caller: Caller, external: ExternalNumber | None
) -> tuple[Requester, UUID | None]:
    """Read what the member may spend and who has the order's number, in one round trip."""
    values = {
        "member_id": caller.member_id,
        "company_id": caller.organization_id,
        "system": external.system if external else None,
        "number": external.id if external else None,
    }
    row = await tx.maybe(_STANDING, values)
    if row is None:
        raise NotFound("The member behind this key is no longer there.")
    limit = None
    if row.order_limit is not None:
        limit = Money(row.order_limit, row.order_limit_currency)
    return Requester(caller.member_id, caller.roles, limit), row.taken_by


def _by_number(*columns: Any) -> Select[*tuple[Any, ...]]:
    # An order without a number matches none: in SQL null equals nothing.
    return select(*columns).where(
        OrderRow.buyer_id == bindparam("company_id"),
        OrderRow.external_system == bindparam("system"),
        OrderRow.external_id == bindparam("number"),
    )


_STANDING: Final = select(
    MemberRow.order_limit,
    MemberRow.order_limit_currency,
    _by_number(OrderRow.id).scalar_subquery().label("taken_by"),
).where(MemberRow.id == bindparam("member_id"))
_TAKEN: Final = _by_number(OrderRow.id, OrderRow.state, OrderRow.request_hash)


def _new_order(
    caller: Caller,
    data: OrderInput,
    external: ExternalNumber | None,
    lines: list[OrderedLine],
    *,
    ordered_at: datetime,
    at: datetime,
) -> OrderHeader:
    terms: dict[str, Any] = msgspec.to_builtins(data.terms)
    return OrderHeader(
        id=new_id(),
        buyer_id=caller.organization_id,
        unit_id=caller.unit_id,
        unit_path=list(caller.path),
        requester_id=caller.member_id,
        external_system=external.system if external else None,
        external_id=external.id if external else None,
        request_hash=_request_hash(caller, data),
        content_hash=order_content_hash(caller.unit_id, data.currency, terms, lines),
        state=OrderState.SUBMITTED.value,
        version=1,
        currency=data.currency,
        total=order_total(lines, data.currency).amount,
        line_count=len(lines),
        terms=terms,
        note=data.note,
        approval_id=None,
        backdated=data.ordered_at is not None,
        ordered_at=ordered_at,
        submitted_at=at,
        placed_at=None,
    )


def _request_hash(caller: Caller, data: OrderInput) -> bytes:
    said = {name: getattr(data, name) for name in OrderInput.__struct_fields__}
    return content_hash({"unit": caller.unit_id, "order": said})


async def _store(
    platform: Platform,
    tx: Transaction,
    order: OrderHeader,
    lines: list[OrderedLine],
    requester: Requester,
) -> OrderView | None:
    """Write a new order as far as it goes; None where its number was taken meanwhile."""
    if needs_approval(ORDER_RULE, requester, Money(order.total, order.currency)):
        return await _let_wait(tx, order, lines, requester)
    state = ORDER.after(OrderState.SUBMITTED, "place")
    placed = replace(order, state=state.value, version=2, placed_at=tx.opened_at)
    parts = split(lines, order.currency)
    if not await write_order(tx, placed, lines_of(parts), parts):
        return None
    await draw_for(tx, lines)
    await reserve_stock(platform, tx, placed, parts)
    tell_order(tx, "submitted", order)
    tell_order(tx, "placed", placed)
    tell_parts(tx, placed, parts)
    return order_view(placed, parts, lines_of(parts))


async def _let_wait(
    tx: Transaction, order: OrderHeader, lines: list[OrderedLine], requester: Requester
) -> OrderView | None:
    state = ORDER.after(OrderState.SUBMITTED, "request_approval")
    approval_id = new_id()
    waiting = replace(order, state=state.value, approval_id=approval_id)
    if not await write_order(tx, waiting, lines):
        return None
    await ask_approval(
        tx,
        ORDER_RULE,
        requester,
        approval_id=approval_id,
        unit_path=order.unit_path,
        subject_kind="order",
        subject_id=order.id,
        title=f"Order {order.external_id or order.id}",
        amount=Money(order.total, order.currency),
        content_hash=order.content_hash,
    )
    tell_order(tx, "submitted", waiting, approval_id=approval_id)
    return order_view(waiting, [], lines)


async def _same_order(
    tx: Transaction, caller: Caller, data: OrderInput, external: ExternalNumber | None
) -> OrderView:
    """Give the order that has the number already; raises Conflict if it says something else."""
    if external is None:
        msg = "only an order with a number can be there already"
        raise ValueError(msg)
    values = {
        "company_id": caller.organization_id,
        "system": external.system,
        "number": external.id,
    }
    row = await tx.one(_TAKEN, values)
    if bytes(row.request_hash) != _request_hash(caller, data):
        raise Conflict(
            f"{external.system} sent order {external.id} before, with other content: it is order "
            f"{row.id}, {row.state}. Send changes under that id, or another order under another "
            "number."
        )
    return await fetch_order(tx, row.id)


@retries_conflicts
async def cancel_order(
    platform: Platform, caller: Caller, order_id: UUID, version: int
) -> OrderView:
    """Cancel an order while no supplier has confirmed his part.

    Raises NotFound, NotPermitted for who acts for a unit beside or below the one that ordered,
    StaleVersion, and WrongState with the present state.
    """
    caller.require("orders:write")
    async with transaction(platform, caller) as tx:
        await withdraw_approval(tx, "order", order_id)
        order = await _locked(tx, order_id)
        path = await present_path(tx, order.buyer_id, order.unit_id)
        check_within(caller.unit_id, path)
        if order.version != version:
            raise StaleVersion(f"The order is at version {order.version}; read it again.")
        parts = await tx.all(
            select(SupplierOrderRow.id, SupplierOrderRow.supplier_id, SupplierOrderRow.state)
            .where(SupplierOrderRow.order_id == order_id)
            .order_by(SupplierOrderRow.id)
            .with_for_update()
        )
        states = [SupplierOrderState(part.state) for part in parts]
        state = check_cancellable(OrderState(order.state), states)
        cancelled = replace(order, state=state.value, version=order.version + 1)
        await _update_order(tx, cancelled)
        await _cancel_parts(tx, cancelled, parts)
        await release_stock(platform, tx, [part.id for part in parts])
        tell_order(tx, "cancelled", cancelled)
        return await fetch_order(tx, order_id)


async def _cancel_parts(tx: Transaction, order: OrderHeader, parts: Any) -> None:
    standing = [p for p in parts if SUPPLIER_ORDER.allows(SupplierOrderState(p.state), "cancel")]
    if not standing:
        return
    await give_back_of(tx, [part.id for part in standing])
    rows = await tx.all(
        update(SupplierOrderRow)
        .where(SupplierOrderRow.id.in_([part.id for part in standing]))
        .values(state=SupplierOrderState.CANCELLED.value, version=SupplierOrderRow.version + 1)
        .returning(SupplierOrderRow.id, SupplierOrderRow.version, SupplierOrderRow.supplier_id)
    )
    for row in rows:
        audience = frozenset({order.buyer_id, row.supplier_id})
        payload = {"state": SupplierOrderState.CANCELLED.value, "order_id": order.id}
        tx.emit(
            Event(
                "supplier_order.cancelled", "supplier_order", row.id, row.version, audience, payload
            )
        )


class OrderApprovals:
    """Orders as documents that wait for approval (`ApprovalSubject`)."""

    def __init__(self, platform: Platform) -> None:
        self._platform = platform

    async def content_hash(self, tx: Transaction, subject_id: UUID) -> bytes:
        """Lock the order and hash its content as it is now."""
        order = await _locked(tx, subject_id)
        lines = await _lines(tx, subject_id)
        return order_content_hash(order.unit_id, order.currency, order.terms, lines)

    async def approved(self, tx: Transaction, subject_id: UUID) -> None:
        """Place the order at the prices of now; raises Conflict where they rose."""
        order = await _locked(tx, subject_id)
        at = await tx.clock()
        state = ORDER.after(OrderState(order.state), "approve")
        approved = replace(order, state=state.value, version=order.version + 1)
        tell_order(tx, "approved", approved)
        path = await present_path(tx, order.buyer_id, order.unit_id)
        await _see_as(tx, path)
        await _place_approved(self._platform, tx, replace(approved, unit_path=list(path)), at)

    async def rejected(self, tx: Transaction, subject_id: UUID) -> None:
        """End the order."""
        order = await _locked(tx, subject_id)
        state = ORDER.after(OrderState(order.state), "reject")
        rejected = replace(order, state=state.value, version=order.version + 1)
        await _update_order(tx, rejected)
        tell_order(tx, "rejected", rejected)


async def _place_approved(
    platform: Platform, tx: Transaction, order: OrderHeader, at: datetime
) -> None:
    lines = await _lines(tx, order.id)
    requests = [
        PriceRequest(line.supplier_id, line.sku, line.quantity, line.unit, order.currency)
        for line in lines
    ]
    prices_at = order.ordered_at if order.backdated else at
    quotes = await quote(platform, tx, tuple(order.unit_path), requests, prices_at)
    parts = split(repriced_lines(lines, quotes, order.currency), order.currency)
    state = ORDER.after(OrderState(order.state), "place")
    placed = replace(
        order,
        state=state.value,
        version=order.version + 1,
        total=order_total(lines_of(parts), order.currency).amount,
        ordered_at=prices_at,
        placed_at=at,
    )
    await _update_order(tx, placed)
    await update_lines(tx, placed, lines_of(parts))
    await write_parts(tx, placed, parts)
    await draw_for(tx, lines_of(parts))
    await reserve_stock(platform, tx, placed, parts)
    tell_order(tx, "placed", placed)
    tell_parts(tx, placed, parts)


async def _see_as(tx: Transaction, path: Sequence[UUID]) -> None:
    """Let the transaction see the prices of the unit that buys: the approver may be of another."""
    scopes = "{" + ",".join(str(unit) for unit in path) + "}"
    await tx.execute(select(func.set_config("app.scopes", scopes, True)))  # noqa: FBT003


async def _locked(tx: Transaction, order_id: UUID) -> OrderHeader:
    row = await tx.maybe(select(*ORDER_COLUMNS).where(OrderRow.id == order_id).with_for_update())
    if row is None:
        raise NotFound("There is no such order.")
    return _header(row)


def _header(row: Row[Any]) -> OrderHeader:
    return OrderHeader(**row._mapping)  # noqa: SLF001 - SQLAlchemy's public name


async def _lines(tx: Transaction, order_id: UUID) -> list[OrderedLine]:
    rows = await tx.all(
        select(*LINE).where(OrderLineRow.order_id == order_id).order_by(OrderLineRow.line)
    )
    return [OrderedLine(**row._mapping) for row in rows]  # noqa: SLF001


async def _update_order(tx: Transaction, order: OrderHeader) -> None:
    await tx.execute(
        update(OrderRow)
        .where(OrderRow.id == order.id)
        .values(
            state=order.state,
            version=order.version,
            total=order.total,
            unit_path=order.unit_path,
            ordered_at=order.ordered_at,
            placed_at=order.placed_at,
        )
    )
