"""Lets administrators place orders at the prices of their day, which no role may by itself."""

from typing import Final

from marketplace.orders.service import BACKDATE
from marketplace.platform.feature import Feature, Scope

FEATURE: Final = Feature(
    name="backdating",
    scopes=(Scope(BACKDATE, "Import orders at the prices of their date", ("administrator",)),),
)
