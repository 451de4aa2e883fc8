"""What this package adds to the product."""

from typing import Final

from marketplace.platform.feature import Feature

FEATURE: Final = Feature(name="organizations")
