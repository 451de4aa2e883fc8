"""Forgets carts nobody has touched for long; the worker calls it now and then, a batch at a time.

Nothing else of what comes before an order needs it: a cart reserves no goods and keeps no price,
and what a placed order has reserved is settled by the order itself (decisions 0441, 0442).
"""

from datetime import timedelta
from typing import Final

from sqlalchemy import case, delete, select

from catalog.carts.rules import CartState
from catalog.carts.tables import CartRow
from marketplace.kernel.limits import (
    CART_DAYS_KEPT,
    CARTS_FORGOTTEN_AT_ONCE,
    ORDERED_CART_DAYS_KEPT,
)
from marketplace.platform.core import Platform
from marketplace.platform.database import Role, system_transaction

_OPEN: Final = CartState.OPEN.value


async def forget_carts(platform: Platform) -> int:
    """Delete carts that are older than they are kept, with their lines; give how many.

    Each company's trail says which. A cart that somebody is changing is left for the next time.
    """
    async with system_transaction(platform, Role.WORKER) as tx:
        kept = case(
            (CartRow.state == _OPEN, tx.opened_at - timedelta(days=CART_DAYS_KEPT)),
            else_=tx.opened_at - timedelta(days=ORDERED_CART_DAYS_KEPT),
        )
        # The shorter time alone is looked up by its index; the state decides of what that gives.
        shortest = timedelta(days=min(CART_DAYS_KEPT, ORDERED_CART_DAYS_KEPT))
        old = (
            select(CartRow.id)
            .where(CartRow.updated_at < tx.opened_at - shortest, CartRow.updated_at < kept)
            .order_by(CartRow.updated_at)
            .limit(CARTS_FORGOTTEN_AT_ONCE)
            .with_for_update(skip_locked=True)
        )
        gone = await tx.all(
            delete(CartRow)
            .where(CartRow.id.in_(old))
            .returning(CartRow.id, CartRow.company_id, CartRow.name, CartRow.state)
        )
        for cart in gone:
            before = {"name": cart.name, "state": cart.state}
            tx.record(
                "cart.forgotten", "cart", cart.id, before=before, organization_id=cart.company_id
            )
    return len(gone)
