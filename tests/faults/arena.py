"""A running product with hot auctions, seen from the outside and by its ledger."""

import random
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import asyncpg
import httpx
import msgspec
from redis.asyncio import Redis

from auctions.board import board_key
from auctions.conduct.outbid import PASSED
from auctions.engine.log import LogEntry
from auctions.engine.replay import replay
from auctions.engine.verification import verify
from auctions.engine.visibility import OWNER, view
from auctions.entries import ENTRY_COLUMNS, event_of
from auctions.ledger.head import Head, head_of
from marketplace.demo.registration import DemoCompany, register_company, run_import
from marketplace.demo.story import Actor, Recorder, UnexpectedAnswer
from marketplace.demo.wares import ASSORTMENTS
from marketplace.development import tail
from marketplace.platform.database import Role, connect, set_codecs
from tests.faults.bidders import CEILING, Bidder, Crowd, seeded, until
from tests.faults.evidence import Entry, Log, Told, faults_of
from tests.faults.facts import RUN_NAME, Registrar
from tests.faults.pace import Pace
from tests.support.running import RunningProduct

SUPPLIERS = 6


@dataclass(frozen=True)
class Auction:
    """A running auction, and those who bid in it."""

    id: str
    lot_id: UUID
    ends_at: datetime
    bidders: list[Bidder]

    @property
    def told(self) -> list[Told]:
        return [told for bidder in self.bidders for told in bidder.told]


@dataclass(frozen=True)
class Grounds:
    """A running product on durable servers, and the key of its operator."""

    product: RunningProduct
    operator_key: str


@dataclass
class Arena:
    """The companies of one test, its auctions, and all who work in them."""

    grounds: Grounds
    http: httpx.AsyncClient
    crowd: Crowd
    registrar: Registrar
    buyer: DemoCompany
    suppliers: list[DemoCompany]
    newcomer: DemoCompany
    """A company that has sent no request yet."""
    pace: Pace
    auctions: list[Auction] = field(default_factory=list)

    @property
    def product(self) -> RunningProduct:
        return self.grounds.product

    # What the outside does

    def actor(self, company: DemoCompany) -> Actor:
        return Actor(self.http, company.name, company.key, Recorder())

    async def open_auction(
        self, chance: random.Random, *, ends_at: datetime | None = None, **terms: Any
    ) -> Auction:
        """Make and schedule an auction, of an hour if not told otherwise; wait until it runs."""
        buyer = self.actor(self.buyer)
        starts_at = await self._clock() + timedelta(seconds=0.2)
        ends_at = ends_at or starts_at + timedelta(hours=1)
        lot = {
            "title": "Copper cable",
            "ceiling": str(CEILING),
            "decrement": {"step": {"measure": "absolute", "value": "0.01"}},
            "starts_at": starts_at.isoformat(),
            "ends_at": ends_at.isoformat(),
            "participants": [{"organization_id": s.organization_id} for s in self.suppliers],
            **terms,
        }
        body = {"title": "Copper cable", "currency": "EUR", "lots": [lot]}
        made = await buyer.post("/v1/auctions", body, once=True)
        path = f"/v1/auctions/{made['id']}"
        match = {"If-Match": f'"{made["version"]}"'}
        scheduled = await buyer.send("POST", f"{path}/schedule", headers=match)
        await until(lambda: self._is(path, "open"), GIVE_UP_S, "the auction's start")
        bidders = [
            Bidder(self.crowd, self.http, supplier, made["id"], seeded(chance.random()))
            for supplier in self.suppliers
        ]
        auction = Auction(made["id"], UUID(scheduled["lots"][0]["id"]), ends_at, bidders)
        self.auctions.append(auction)
        return auction

    async def _clock(self) -> datetime:
        async with self.database(Role.ENGINE) as connection:
            now: datetime = await connection.fetchval("select clock()")
        return now.astimezone(UTC)

    async def move_to_close(self, auction: Auction, seconds: float) -> None:
        """Move the one clock to `seconds` before an auction's end."""
        ahead = auction.ends_at - timedelta(seconds=seconds) - await self._clock()
        owner = await asyncpg.connect(self.product.urls.owner_url)
        try:
            await owner.execute("update clock_offset set ahead = ahead + $1", ahead)
        finally:
            await owner.close()

    async def closed(self) -> None:
        """Wait until all auctions are shown as closed, whoever is away meanwhile."""
        for auction in self.auctions:
            path = f"/v1/auctions/{auction.id}"
            await until(lambda path=path: self._is(path, "closed"), GIVE_UP_S, "the close")

    async def announced(self) -> None:
        """Wait until the closes of all auctions are in their buyer's feed."""
        for auction in self.auctions:
            told = lambda auction=auction: self._is_announced(auction)  # noqa: E731
            await until(told, GIVE_UP_S, "the close in the feed")

    async def _is(self, path: str, status: str) -> bool:
        with suppress(httpx.TransportError, UnexpectedAnswer):
            return bool((await self.actor(self.buyer).get(path))["status"] == status)
        return False

    async def _is_announced(self, auction: Auction) -> bool:
        page = await self.actor(self.buyer).get("/v1/events", params={"limit": 200})
        return ("auction.closed", auction.id) in {
            (event["kind"], event["subject"]["id"]) for event in page["items"]
        }

    async def faults_of_published_log(self, auction: Auction) -> list[str]:
        """Name what is wrong with the log as the buyer gets it after the close."""
        items: list[Any] = []
        page: dict[str, Any] = {"next": ""}
        while page["next"] is not None:
            after = {"after": page["next"]} if page["next"] else {}
            page = await self.actor(self.buyer).get(
                f"/v1/auctions/{auction.id}/log", params={"limit": 200, **after}
            )
            items += page["items"]
        entries = msgspec.convert(items, list[LogEntry])
        found = verify(entries, expected_head=page["head"])
        faults = [] if found.sound and found.recomputed else [f"published: {found}"]
        log, _ = await self.ledger(auction)
        if [entry.hash for entry in entries] != [entry.hash.hex() for entry in log.entries]:
            faults.append("published: the entries are not the ledger's")
        return faults

    async def work_a_job(self) -> None:
        """Have a supplier import offers: the worker's jobs must have come back as well."""
        assortment = next(iter(ASSORTMENTS.values()))
        await run_import(self.actor(self.suppliers[0]), "offers", assortment.offers_csv())

    def situation(self) -> str:
        """Say how things are, for the message of a failure."""
        crowd, product = self.crowd, self.product
        logs = [product.api.log, product.worker.log, product.services.postgres.log]
        return "\n".join(
            [
                (
                    f"{len(crowd.answers)} answers, {crowd.under_way} bids under way, "
                    f"{crowd.lost_connections} connections lost, {crowd.unavailable} times 503; "
                    f"{len(self.registrar.registered)} companies, {len(self.registrar.read)} read"
                ),
                *crowd.strange[:5],
                *(f"{log.name}:\n{tail(log)}" for log in logs),
            ]
        )

    # What the inside holds

    @asynccontextmanager
    async def database(self, role: Role) -> AsyncIterator[asyncpg.Connection]:
        connection = await connect(self.product.urls.database_url, role)
        try:
            await set_codecs(connection)
            yield connection
        finally:
            await connection.close()

    async def ledger(self, auction: Auction) -> tuple[Log, int]:
        """Give a lot's log, and its epoch."""
        async with self.database(Role.ENGINE) as connection:
            lot = await connection.fetchrow(
                "select seq, epoch, hash from auction_lots where id = $1", auction.lot_id
            )
            rows = await connection.fetch(_LEDGER, auction.lot_id)
        assert lot is not None
        entries = tuple(Entry(event_of(row, "EUR"), row["salt"], row["hash"]) for row in rows)
        return Log(entries, lot["seq"], lot["hash"]), lot["epoch"]

    async def faults(self, auction: Auction, *, closed: bool) -> list[str]:
        """Compare what an auction's bidders were told with its ledger."""
        return faults_of(auction.told, (await self.ledger(auction))[0], closed=closed)

    async def feed_faults(self) -> list[str]:
        """Name what is wrong with the numbered events, as the sequencer left them."""
        async with self.database(Role.WORKER) as connection:
            rows = await connection.fetch(
                "select number, kind, subject_id, payload->>'name' as name from events order by 1"
            )
            last = await connection.fetchval("select last from event_counter")
        faults = []
        if [row["number"] for row in rows] != list(range(1, last + 1)):
            faults.append(f"feed: {len(rows)} events, the last number is {last}")
        for auction in self.auctions:
            kinds = [row["kind"] for row in rows if row["subject_id"] == UUID(auction.id)]
            # Told when an auction has gone on for a minute.
            kinds = [kind for kind in kinds if kind != PASSED]
            if kinds != ["auction.scheduled", "auction.started", "auction.closed"]:
                faults.append(f"feed: the auction's events are {kinds}")
        companies = [row for row in rows if row["kind"] == "organization.registered"]
        names = Counter(row["name"] for row in companies if row["name"].startswith(RUN_NAME))
        faults += [f"feed: {name} is registered {n} times" for name, n in names.items() if n > 1]
        lost = self.registrar.registered.keys() - {str(row["subject_id"]) for row in companies}
        faults += [f"feed: the registration of {company} is in no event" for company in lost]
        return faults

    # Whether both agree

    async def agreement(self) -> float:
        """Wait until every board is as far as the ledger; give the seconds it took.

        Then board and standings must be what follows from the ledger. To be asked while nobody
        bids.
        """
        redis = Redis.from_url(self.product.urls.redis_url)
        began = time.monotonic()
        try:
            for auction in self.auctions:
                level = lambda auction=auction: self._is_level(redis, auction)  # noqa: E731
                await until(level, GIVE_UP_S, "the board as far as the ledger")
            took = time.monotonic() - began
            for auction in self.auctions:
                log, epoch = await self.ledger(auction)
                head = Head(replay(log.events), epoch, log.hash)
                snapshot: Any = await redis.hget(board_key(auction.lot_id), "state")
                assert head_of(snapshot) == head
                await self._standings_are(auction, head)
        finally:
            await redis.aclose()
        return took

    async def _is_level(self, redis: Redis, auction: Auction) -> bool:
        async with self.database(Role.ENGINE) as connection:
            lot = await connection.fetchrow(
                "select epoch, seq from auction_lots where id = $1", auction.lot_id
            )
        at: Any = await redis.hmget(board_key(auction.lot_id), ["epoch", "seq"])
        return lot is not None and at == [str(number).encode() for number in lot]

    async def _standings_are(self, auction: Auction, head: Head) -> None:
        viewers: list[tuple[DemoCompany, Any]] = [(self.buyer, OWNER)]
        viewers += [(company, UUID(company.organization_id)) for company in self.suppliers[:2]]
        for company, viewer in viewers:
            path = f"/v1/auctions/{auction.id}/standing"
            shown = (await self.actor(company).get(path))["standing"]
            assert shown == msgspec.json.decode(msgspec.json.encode(view(head.state, viewer)))


GIVE_UP_S = 60.0
_LEDGER = f"""
select {ENTRY_COLUMNS}, e.salt, e.hash from auction_ledger e where e.lot_id = $1 order by e.seq
"""


async def _writes(operator: Actor) -> bool:
    """Ask for something that writes. After a kill dead connections may wait in a pool: a 503."""
    unit = {"name": "First after a kill", "country": "DE", "buyer": True}
    member = {"name": "Demo Administrator", "email": "admin@first.example"}
    body = {**unit, "administrator": member}
    answer = await operator.post(
        "/v1/organizations", body, once="first-after-a-kill", expect=(201, 503)
    )
    return "organization" in answer


@asynccontextmanager
async def arena_on(grounds: Grounds) -> AsyncIterator[Arena]:
    """Register a buyer and suppliers on a running product."""
    bounds = httpx.Limits(max_connections=100, max_keepalive_connections=100)
    url = grounds.product.url
    async with httpx.AsyncClient(base_url=url, timeout=30, limits=bounds) as http:
        operator = Actor(http, "the operator", grounds.operator_key, Recorder())
        await until(lambda: _writes(operator), GIVE_UP_S, "an API that writes")
        newcomer, buyer, *suppliers = [
            await register_company(operator, f"{side.title()} {number}", side)
            for number, side in enumerate(["buyer", "buyer", *["supplier"] * SUPPLIERS])
        ]
        crowd = Crowd()
        registrar = Registrar(crowd, http, grounds.operator_key)
        async with Pace().watching() as pace:
            yield Arena(grounds, http, crowd, registrar, buyer, suppliers, newcomer, pace)
