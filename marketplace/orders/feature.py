"""What this package adds to the product."""

from typing import Final

from marketplace.approvals.ports import ApprovalSubjects
from marketplace.orders.routes import ROUTES
from marketplace.orders.service import BACKDATE, OrderApprovals
from marketplace.platform.core import Platform
from marketplace.platform.feature import Feature, Scope

_BUYERS: Final = ("administrator", "purchaser", "approver", "viewer")
_SUPPLIERS: Final = ("administrator", "seller", "viewer")


def _order_approvals(platform: Platform) -> OrderApprovals:
    subject = OrderApprovals(platform)
    platform.get(ApprovalSubjects).add("order", subject)
    return subject


FEATURE: Final = Feature(
    name="orders",
    routes=ROUTES,
    scopes=(
        Scope("orders:read", "Read orders and approvals", _BUYERS),
        Scope("orders:write", "Place and cancel orders", ("administrator", "purchaser")),
        # The role exists only in companies that the operator lets import their history.
        Scope(BACKDATE, "Import orders at the prices of their date", ("importer",)),
        Scope("supplier_orders:read", "Read orders to your company", _SUPPLIERS),
        Scope("supplier_orders:write", "Confirm and despatch", ("administrator", "seller")),
    ),
    provides={OrderApprovals: _order_approvals},
)
