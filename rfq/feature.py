"""What this package adds to the product."""

from typing import Final

from marketplace.platform.core import Platform
from marketplace.platform.database import Role
from marketplace.platform.feature import Consumer, Feature, Scope, Timer
from rfq.handover import record_auction_end
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
    consumers=(
        Consumer(
            "rfq.lot_auctions",
            frozenset({"auction.closed", "auction.cancelled"}),
            record_auction_end,
            role=Role.ENGINE,
        ),
    ),
    commands={"verify-opening": "rfq.commands:check_opening"},
    timers=(Timer(OPENING_TIMER, open_at_deadline),),
    provides={KeyStore: _local_key_store},
)
