"""What this package adds to the product."""

from typing import Final

from marketplace.billing.routes import ROUTES
from marketplace.platform.feature import Feature, Scope

FEATURE: Final = Feature(
    name="billing",
    routes=ROUTES,
    scopes=(
        Scope(
            "invoices:read",
            "Read invoices and credit notes",
            ("administrator", "purchaser", "approver", "seller", "viewer"),
        ),
        Scope("invoices:write", "Issue invoices and credit notes", ("administrator", "seller")),
    ),
)
