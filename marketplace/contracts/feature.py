"""What this package adds to the product."""

from typing import Final

from marketplace.contracts.routes import ROUTES
from marketplace.platform.feature import Feature, Scope

FEATURE: Final = Feature(
    name="contracts",
    routes=ROUTES,
    scopes=(
        Scope("contracts:sign", "Sign contracts", ("administrator", "purchaser", "seller")),
        Scope("contracts:write", "Let customers draw more", ("administrator", "seller")),
        Scope("frameworks:write", "Make framework agreements", ("administrator", "purchaser")),
        Scope(
            "contracts:read",
            "Read contracts",
            ("administrator", "purchaser", "approver", "seller", "viewer"),
        ),
    ),
)
