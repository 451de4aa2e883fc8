"""What this package adds to the product."""

from typing import Final

from marketplace.platform.core import Platform
from marketplace.platform.feature import Feature, Scope, Timer
from rfq.key_store import KeyStore, LocalKeyStore
from rfq.opening import open_at_deadline
from rfq.publish import OPENING_TIMER
from rfq.routes import ROUTES


def _local_key_store(platform: Platform) -> LocalKeyStore:
    settings = platform.settings
    return LocalKeyStore(
        settings.data_directory / "keys",
        platform.secrets.key("rfq key store"),
        clock_may_move=settings.environment.may_move_clock,
    )


FEATURE: Final = Feature(
    name="rfq",
    routes=ROUTES,
    scopes=(
        Scope("rfq:read", "Read own procedures", ("administrator", "purchaser", "viewer")),
        Scope("rfq:write", "Run procedures and award", ("administrator", "purchaser")),
        Scope("bids:read", "Read procedures to bid in", ("administrator", "seller", "viewer")),
        Scope("bids:write", "Submit and withdraw bids", ("administrator", "seller")),
    ),
    timers=(Timer(OPENING_TIMER, open_at_deadline),),
    provides={KeyStore: _local_key_store},
)
