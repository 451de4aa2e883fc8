"""What this package adds to the product."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from auctions.admission import Admission
from auctions.board import Board, keep_healing
from auctions.clock import ShownClock
from auctions.conduct.awards import SUBJECT as AWARD_SUBJECT
from auctions.conduct.awards import AwardApprovals
from auctions.conduct.routes import ROUTES as CONDUCT_ROUTES
from auctions.crowd import Crowd
from auctions.intake import Intake
from auctions.ledger import Ledger
from auctions.live.hub import Hub
from auctions.live.routes import ROUTES as LIVE_ROUTES
from auctions.room.routes import ROUTES as ROOM_ROUTES
from auctions.routes import ROUTES
from auctions.timers import TIMERS
from marketplace.approvals.ports import ApprovalSubjects
from marketplace.platform.core import Platform
from marketplace.platform.feature import Feature, Scope
from marketplace.platform.tasks import end


def _intake(platform: Platform) -> Intake:
    return Intake(platform, platform.get(Ledger), platform.get(Board))


def _award_approvals(platform: Platform) -> AwardApprovals:
    subject = AwardApprovals(platform)
    platform.get(ApprovalSubjects).add(AWARD_SUBJECT, subject)
    return subject


def _hub(platform: Platform) -> Hub:
    return Hub(platform, platform.get(Ledger), platform.get(Board), platform.get(ShownClock))


@asynccontextmanager
async def _healed(platform: Platform) -> AsyncIterator[None]:
    task = asyncio.create_task(keep_healing(platform))
    try:
        yield
    finally:
        await end(task)


@asynccontextmanager
async def _watched(platform: Platform) -> AsyncIterator[None]:
    async with platform.get(Hub).open():
        yield


_READERS: Final = ("administrator", "purchaser", "approver", "seller", "viewer", "auditor")

FEATURE: Final = Feature(
    name="auctions",
    routes=(*ROUTES, *CONDUCT_ROUTES, *LIVE_ROUTES, *ROOM_ROUTES),
    scopes=(
        Scope("auctions:read", "Follow auctions and read their logs", _READERS),
        Scope("auctions:write", "Make and end auctions", ("administrator", "purchaser")),
        Scope("auctions:audit", "Read all an auction's log keeps secret", ("auditor",)),
        Scope("bids:write", "Submit and withdraw bids", ("administrator", "seller")),
    ),
    timers=TIMERS,
    commands={
        "asyncapi": "auctions.commands:asyncapi",
        "simulate": "auctions.simulation.command:simulate_auctions",
        "verify-auction": "auctions.commands:verify_auction",
    },
    # In this order: later ones are made of earlier ones.
    provides={
        Ledger: Ledger,
        Board: Board,
        Admission: Admission,
        ShownClock: ShownClock,
        Intake: _intake,
        Hub: _hub,
        Crowd: Crowd,
        AwardApprovals: _award_approvals,
    },
    api_lifespans=(_watched,),
    worker_lifespans=(_healed,),
)
