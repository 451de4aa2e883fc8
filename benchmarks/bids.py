"""Bids on one hot auction: against an empty request, against a transaction for each, by two.

Ratios of rates say what a client sees; the processor time of each request says where it goes, and
is steadier on a machine that others use. It is the API's processes', Postgres' and our own.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import median
from typing import Final

from benchmarks import subjects, world
from benchmarks.compare import Pace, interleave, milliseconds
from benchmarks.installation import Api, Installation
from benchmarks.load import Client, Outcome, drive
from benchmarks.parties import Party, each, register
from benchmarks.report import Row, Target

BIDDERS: Final = world.FULL.bidders
Tell = Callable[[str], None]


@dataclass(slots=True)
class Weighed:
    """Something measured, and the processor time that each of its rounds took, by who took it."""

    name: str
    installation: Installation
    api: Api
    clients: Sequence[Client]
    outcomes: list[Outcome] = field(default_factory=list)
    microseconds: list[Mapping[str, float]] = field(default_factory=list)
    """Of each drive, a request; of the first, which warms up, too."""

    async def drive(self, seconds: float, requests_max: int | None) -> Outcome:
        """Let its clients run for so long, or until so many answers."""
        before = self._used()
        outcome = await drive(self.api.port, self.clients, seconds, requests_max)
        # What comes after the end is answered too, and not counted.
        answered = outcome.counted + outcome.others.total() + len(self.clients)
        self.microseconds.append(
            {who: (used - before[who]) / answered * 1e6 for who, used in self._used().items()}
        )
        return outcome

    def _used(self) -> dict[str, float]:
        return {
            "API": self.api.processor_seconds(),
            "Postgres": self.installation.postgres_seconds(),
            "load generator": time.process_time(),
        }

    def weight(self) -> Row:
        """Give the median of the rounds."""
        rounds = self.microseconds[1:]
        parts = (f"{who} {median(each[who] for each in rounds):.0f}" for who in rounds[0])
        return Row(f"{self.name}: processor time of each", value=f"{', '.join(parts)} µs")


async def bid_rows(
    installation: Installation,
    api: Api,
    clients: tuple[Sequence[Client], Sequence[Client]],
    pace: Pace,
    tell: Tell,
) -> list[Row]:
    """Bid through one process; `clients` are those of the product and of the reference."""
    bidding, one_at_a_time = clients
    bidders = len(bidding)

    def subject(name: str, clients: Sequence[Client]) -> Weighed:
        return Weighed(name, installation, api, clients)

    empty = subject(f"empty POST, {bidders} clients", subjects.empty("POST", bidders))
    bids = subject(bids_name(bidders), bidding)
    reference = subject("reference: one at a time", one_at_a_time)
    await interleave((empty, bids, reference), pace, tell)
    return [
        Row(empty.name, empty),
        Row(reference.name, reference, empty),
        Row(bids.name, bids, reference, Target(5.0, "≥ 5 ×")),
        Row(bids.name, bids, empty, Target(0.40, "≥ 40 %")),
        _patience(bids, reference),
        *(each.weight() for each in (empty, reference, bids)),
    ]


def bids_name(bidders: int) -> str:
    """Name the row of bids through one process."""
    return f"bid, one auction, {bidders} bidders"


def _patience(bids: Weighed, reference: Weighed) -> Row:
    """Compare the bid that waited longest with the middle one of the reference."""
    longest, middle = milliseconds(bids, 0.99), milliseconds(reference, 0.5)
    return Row(
        f"{bids.name}: p99 against the reference's p50",
        value=f"{longest:.0f} ms, {middle:.0f} ms",
        target=Target(1.0, "≤ 100 %"),
        hit=longest <= middle,
    )


async def two_process_rows(
    installation: Installation, bidding: Sequence[Client], pace: Pace, tell: Tell, one: Api
) -> list[Row]:
    """Bid through one API process, and through two that take turns at the auction's row."""
    async with installation.api("two", workers=2) as two:
        crowd = subjects.empty("POST", len(bidding))
        empty = Weighed("empty POST, 2 processes", installation, two, crowd)
        alone = Weighed("bid, 1 API process", installation, one, bidding)
        bids = Weighed("bid, 2 API processes", installation, two, bidding)
        await interleave((empty, alone, bids), pace, tell)
    return [
        Row(bids.name, bids, empty),
        Row(bids.name, bids, alone, Target(1.0, "≥ 100 %")),
        alone.weight(),
        bids.weight(),
    ]


async def measure(
    installation: Installation, api: Api, operator: Party, pace: Pace, tell: Tell
) -> list[Row]:
    """Measure all of it with companies that do nothing else; a worker starts the auction."""
    tell("Filling")
    buyer = await register(operator, "Buyer", buyer=True)
    parties = await each(lambda n: register(operator, f"Bidder {n}", supplier=True), range(BIDDERS))
    auction = await world.open_auction(buyer, parties)
    lot = await world.open_reference_lot(buyer, parties)
    await installation.settle()
    bidding = subjects.bidders(parties, subjects.auction_path(auction))
    reference = subjects.bidders(parties, subjects.reference_path(lot))
    rows = await bid_rows(installation, api, (bidding, reference), pace, tell)
    return rows + await two_process_rows(installation, bidding, pace, tell, api)
