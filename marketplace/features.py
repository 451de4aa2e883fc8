"""The installed features: those of `marketplace` itself and those the settings name.

A name is a package with a module `feature` that exports `FEATURE`; so another company adds its own.
The product refuses to start where one is missing.
"""

from collections.abc import Iterable
from importlib import import_module
from importlib.util import find_spec
from typing import Final

from marketplace.platform.feature import Feature
from marketplace.platform.settings import SettingsError

OWN: Final = (
    "marketplace.organizations",
    "marketplace.approvals",
    "marketplace.contracts",
    "marketplace.orders",
    "marketplace.billing",
    "marketplace.integration",
    "marketplace.mail",
)
INSTALLABLE: Final = ("catalog", "auctions", "rfq")


def load_features(names: Iterable[str]) -> list[Feature]:
    """Load the product's own features, then the named ones, in order.

    Raises SettingsError naming a feature that is not installed.
    """
    features = []
    for package in (*OWN, *names):
        if find_spec(package) is None:
            raise SettingsError(
                f"The feature {package!r} is not installed; see MARKETPLACE_FEATURES."
            )
        feature = import_module(f"{package}.feature").FEATURE
        if not isinstance(feature, Feature):
            raise SettingsError(f"{package}.feature.FEATURE is no Feature.")
        features.append(feature)
    return features


def import_tables() -> None:
    """Import every module `tables`, so that migrations see the whole schema."""
    import_module("marketplace.platform.tables")
    for package in (*OWN, *INSTALLABLE):
        if find_spec(package) and find_spec(f"{package}.tables"):
            import_module(f"{package}.tables")
        for part in SUBPACKAGES_WITH_TABLES.get(package, ()):
            if find_spec(f"{package}.{part}") and find_spec(f"{package}.{part}.tables"):
                import_module(f"{package}.{part}.tables")


SUBPACKAGES_WITH_TABLES: Final = {
    "catalog": (
        "categories",
        "products",
        "price_lists",
        "customers",
        "assortments",
        "imports",
        "search",
        "stock",
        "carts",
        "quotes",
        "media",
    ),
    "auctions": ("conduct",),
    "rfq": (
        "attachments",
        "awards",
        "comparison",
        "evaluation",
        "negotiation",
        "notices",
        "ocds",
        "officers",
        "opening",
        "qualification",
        "scenarios",
        "reports",
        "validity",
        "variants",
    ),
}
