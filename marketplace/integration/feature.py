"""What this package adds to the product."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from marketplace.integration.cursor import CursorSeal
from marketplace.integration.pulse import Pulse
from marketplace.integration.retention import TIMER, forget_and_come_again, keep_forgetting
from marketplace.integration.routes import ROUTES
from marketplace.platform import witness
from marketplace.platform.core import Platform
from marketplace.platform.feature import Feature, Scope, Timer


@asynccontextmanager
async def stop_pulse(platform: Platform) -> AsyncIterator[None]:
    """End what wakes long polls before the connections close."""
    try:
        yield
    finally:
        await platform.get(Pulse).stop()


_TRADING: Final = ("administrator", "purchaser", "seller")

FEATURE: Final = Feature(
    name="integration",
    routes=ROUTES,
    scopes=(
        Scope(
            "events:read",
            "Read the feed of your company's events",
            (*_TRADING, "approver", "viewer", "operator"),
        ),
        Scope("external_ids:read", "Read your systems' names for our things", _TRADING),
        Scope("external_ids:write", "Set your systems' names for our things", _TRADING),
    ),
    timers=(
        Timer(TIMER, forget_and_come_again),
        Timer(witness.TIMER, witness.write_and_come_again),
    ),
    provides={
        CursorSeal: lambda platform: CursorSeal(platform.secrets.key("cursors of the feed")),
        Pulse: Pulse,
    },
    api_lifespans=(stop_pulse,),
    worker_lifespans=(keep_forgetting, witness.keep_writing),
)
