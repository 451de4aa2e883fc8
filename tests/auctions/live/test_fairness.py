"""What a bidder gets over HTTP tells nothing of what is hidden from him, to the byte.

The same auction is played twice. What the bidder does and may see is the same; what is hidden is
not: who passes him, at which amount, how often somebody improves or is refused behind his back.
All he got, by REST, WebSocket and server-sent events, errors and look-ups included, must be equal.
"""

import json
import random
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal
from uuid import UUID

import httpx
import pytest
from msgspec.structs import replace
from websockets.asyncio.client import ClientConnection

from auctions.admission import Admission
from auctions.drafts import AuctionDraft, LotDraft, Participant
from auctions.engine.events import Start
from auctions.engine.state import LotState
from auctions.engine.terms import (
    Decrement,
    Disclosure,
    Format,
    Measure,
    PriceClock,
    Step,
    Terms,
)
from auctions.engine.visibility import Viewer
from auctions.intake import Intake
from auctions.service import open_auction
from marketplace.kernel.errors import Conflict, InvalidInput, MarketplaceError
from marketplace.platform.core import Platform
from marketplace.platform.database import transaction
from tests.auctions.auction_hall import Hall, money
from tests.auctions.live.test_events import Stream, listening
from tests.auctions.live.viewers import bid, watching
from tests.support.world import Company, World

OWN: tuple[int, ...] = (900, 800, 700)
"""What the bidder bids; in between rivals pass him."""
ALWAYS_BEST = "100.00"
UNIQUE = re.compile(rb"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
INSTANT = re.compile(rb'"(server_at|decided_at|at|until)":"[^"]*"')
NOT_HIS = {"date", "x-request-id", "ratelimit-limit", "ratelimit-remaining", "ratelimit-reset"}


@dataclass(frozen=True)
class Hidden:
    """What happens after one of his bids: each rival's amounts, in the order they come."""

    bids: tuple[tuple[int, tuple[str, ...]], ...]


def hidden(chance: random.Random, passing: int, rivals: int, step: int) -> Hidden:
    """Let so many rivals pass him, and do what they like further ahead of him."""
    below = (*OWN, 600)[step + 1]
    who = chance.sample(range(rivals), passing)
    bids = []
    for rival in who:
        amounts = chance.sample(range(below + 1, OWN[step]), chance.randint(1, 4))
        bids.append((rival, tuple(f"{amount}.00" for amount in sorted(amounts, reverse=True))))
    return Hidden(tuple(bids))


@dataclass
class Trace:
    """All that one bidder got, without what is unique of each request."""

    got: list[bytes] = field(default_factory=list)

    def note(self, what: bytes) -> None:
        names: dict[bytes, bytes] = {}

        def name(match: re.Match[bytes]) -> bytes:
            return names.setdefault(match[0], b"id-%d" % len(names))

        self.got.append(INSTANT.sub(rb'"\1":"*"', UNIQUE.sub(name, what)))

    def note_answer(self, answer: httpx.Response) -> None:
        head = {k: v for k, v in answer.headers.items() if k not in NOT_HIS}
        self.note(repr((answer.status_code, sorted(head.items()))).encode())
        self.note(answer.content)


@dataclass
class Bidder:
    """The one who looks, at all there is."""

    http: httpx.AsyncClient
    path: str
    socket: ClientConnection
    events: Stream
    trace: Trace

    async def changes(self) -> None:
        """Take the next change, which comes on both channels."""
        while b'"heartbeat"' in (message := (await self.socket.recv(decode=False))):
            pass
        self.trace.note(message)
        self.trace.note((await self.events.event()).raw.encode())

    async def looks_around(self, rivals_key: str) -> None:
        for path in (
            "",
            "/standing",
            "/standing?after=999999",
            "/history",
            "/log",
            "/messages",
            "/proxy",
            "/result",
            f"/bids/by-key/{rivals_key}",
            "/bids/by-key/own-0",
            "/bids/by-key/slip-0",
        ):
            self.trace.note_answer(await self.http.get(f"{self.path}{path}"))

    async def bids(self, amount: str, key: str) -> None:
        answer = await self.http.post(
            f"{self.path}/bids", json=money(amount), headers={"Idempotency-Key": key}
        )
        self.trace.note_answer(answer)


@asynccontextmanager
async def first_bidder(served: str, hall: Hall) -> AsyncIterator[Bidder]:
    """Give a hall's first bidder, who has seen where it stands on both channels."""
    me = hall.suppliers[0]
    transport = httpx.AsyncHTTPTransport(uds=served)
    async with (
        httpx.AsyncClient(
            transport=transport, base_url="http://a.test", headers=me.headers
        ) as http,
        watching(served, hall, me) as socket,
        listening(served, hall, me) as events,
    ):
        path = f"/v1/auctions/{hall.auction_id}"
        bidder = Bidder(http, path, socket, events, Trace())
        await bidder.changes()
        yield bidder


async def a_hall(
    platform: Platform, buyer: Company, companies: list[Company], terms: Terms
) -> Hall:
    async with transaction(platform, buyer.caller) as tx:
        draft = AuctionDraft(
            buyer_id=buyer.id,
            unit_id=buyer.id,
            title="Copper cable",
            lots=(
                LotDraft(
                    title="Copper cable",
                    terms=terms,
                    participants=tuple(
                        Participant(company.id, alias=f"Alias {n}")
                        for n, company in enumerate(companies)
                    ),
                ),
            ),
        )
        auction_id = await open_auction(tx, draft)
    card, _ = await platform.get(Admission).viewers_card(auction_id, buyer.id)
    return Hall(auction_id, card.lot_id, buyer, companies)


async def play(
    platform: Platform, served: str, hall: Hall, script: list[Hidden], chance: random.Random
) -> list[bytes]:
    """Play one auction; give all its first bidder got."""
    await bid(platform, hall, 1, ALWAYS_BEST)
    async with first_bidder(served, hall) as bidder:
        await bidder.looks_around("hidden")
        for step, behind in enumerate(script):
            await bidder.bids(f"{OWN[step]}.00", f"own-{step}")
            await bidder.changes()
            await bidder.bids(f"{OWN[step]}.01", f"slip-{step}")
            for rival, amounts in behind.bids:
                for amount in amounts:
                    await bid(platform, hall, 2 + rival, amount)
                    if amount == amounts[0]:
                        await bidder.changes()
                if chance.random() < 0.5:
                    with pytest.raises(InvalidInput):
                        await bid(platform, hall, 2 + rival, "999.00")
            await bidder.looks_around("hidden")
        return bidder.trace.got


async def played_twice(
    platform: Platform, world: World, served: str, disclosure: Disclosure, seed: int
) -> tuple[list[bytes], list[bytes]]:
    chance = random.Random(seed)  # noqa: S311 - no secret
    rivals = 4
    buyer, *companies = [
        await world.buyer(),
        *[await world.supplier(f"Supplier {n}") for n in range(2 + rivals)],
    ]
    async with transaction(platform, buyer.caller) as tx:
        now = await tx.clock()
    terms = Terms(
        currency="EUR",
        ceiling=Decimal("1000.00"),
        decrement=Decrement(Step(Measure.ABSOLUTE, Decimal("1.00"))),
        disclosure=disclosure,
        starts_at=now,
        ends_at=now + timedelta(minutes=10),
    )
    passing = [chance.randint(1, rivals) for _ in OWN]
    traces = []
    for _ in range(2):
        script = [hidden(chance, count, rivals, step) for step, count in enumerate(passing)]
        hall = await a_hall(platform, buyer, companies, terms)
        traces.append(await play(platform, served, hall, script, chance))
        await platform.get(Intake).drain()
    return traces[0], traces[1]


@pytest.mark.parametrize(
    ("disclosure", "seed"), [(Disclosure.RANK_ONLY, 1), (Disclosure.BEST_PRICE, 2)]
)
async def test_what_is_hidden_changes_no_byte_of_what_a_bidder_gets(
    platform: Platform, world: World, served: str, disclosure: Disclosure, seed: int
) -> None:
    first, second = await played_twice(platform, world, served, disclosure, seed)
    assert len(first) > 80
    assert first == second


CALLED = PriceClock(Decimal("900.00"), Decimal("100.00"), Decimal("10.00"), every_s=500)
RISING = PriceClock(Decimal("100.00"), Decimal("900.00"), Decimal("10.00"), every_s=500)
SILENT: dict[Format, tuple[PriceClock | None, tuple[str, ...], range]] = {
    Format.SEALED: (None, ("900.00", "800.00", "850.00"), range(100, 1000)),
    Format.VICKREY: (None, ("900.00", "800.00", "850.00"), range(100, 1000)),
    Format.JAPANESE: (CALLED, ("900.00", "900.00", "899.00"), range(899, 901)),
    # Nobody takes the price: that would end it, and all may know.
    Format.DUTCH: (RISING, ("101.00", "500.00"), range(101, 1000)),
}
"""Formats that show nothing of rivals: the clock, what the bidder bids, what the rivals may."""


async def play_silent(
    platform: Platform, served: str, hall: Hall, terms: Terms, chance: random.Random
) -> tuple[list[bytes], list[str]]:
    """Play one auction whose rivals do what they like; give what its first bidder got, and they."""
    _, own, theirs = SILENT[terms.format]
    behind: list[str] = []
    # Else it begins with the first bid, and its beginning comes together with that bid or alone.
    with suppress(Conflict):
        await platform.get(Intake).submit(hall.lot_id, Start())
    async with first_bidder(served, hall) as bidder:
        trace = bidder.trace
        assert b'"phase":"open"' in trace.got[0]
        for step, amount in enumerate(own):
            for rival in range(1, len(hall.suppliers)):
                for _ in range(chance.randint(0, 2)):
                    tried = f"{chance.choice(theirs)}.00"
                    try:
                        await bid(platform, hall, rival, tried)
                        behind.append(f"{rival} {tried}")
                    except MarketplaceError as refused:
                        behind.append(f"{rival} {tried} {refused.code}")
            await bidder.bids(amount, f"own-{step}")
            if json.loads(trace.got[-1]).get("outcome") == "accepted":
                # The next change is his own: nothing came of theirs.
                await bidder.changes()
        await bidder.looks_around("hidden")
        return trace.got, behind


async def test_in_formats_that_show_nothing_of_rivals_nothing_of_them_changes_a_byte(
    platform: Platform, world: World, served: str
) -> None:
    chance = random.Random(3)  # noqa: S311 - no secret
    buyer = await world.buyer()
    companies = [await world.supplier(f"Supplier {n}") for n in range(3)]
    async with transaction(platform, buyer.caller) as tx:
        now = await tx.clock()
    for format_, (clock, _, _) in SILENT.items():
        terms = Terms(
            format=format_,
            disclosure=Disclosure.OWN_ONLY,
            currency="EUR",
            ceiling=Decimal("1000.00"),
            clock=clock,
            starts_at=now,
            ends_at=now + timedelta(minutes=10),
        )
        played = []
        for reserve in ("300.00", "700.00"):
            secret = replace(terms, reserve=Decimal(reserve))
            hall = await a_hall(platform, buyer, companies, secret)
            played.append(await play_silent(platform, served, hall, secret, chance))
            await platform.get(Intake).drain()
        (first, behind), (second, behind_again) = played
        assert behind != behind_again
        assert len(first) > 25
        assert first == second, format_


async def test_a_number_that_counted_hidden_bids_would_be_found(
    platform: Platform, world: World, served: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def of_the_log(state: LotState, _viewer: Viewer | UUID) -> int:
        return state.seq

    monkeypatch.setattr("auctions.engine.visibility.number", of_the_log)
    first, second = await played_twice(platform, world, served, Disclosure.RANK_ONLY, 1)
    assert first != second
