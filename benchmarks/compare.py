"""Comparisons within one run: A B A B …, so that a noisy machine is as noisy for each.

A rate by itself says something of the machine; the ratio of two rates measured in the same second
says something of the product. The figure is the median of the rounds' ratios, and the spread is
what the rounds gave.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from statistics import median
from typing import Final, Protocol

from benchmarks.load import Client, Outcome, drive, percentile

REFUSED_SHARE_MAX: Final = 0.001
"""Answers that may not count without the figure being worthless."""


class BenchmarkError(Exception):
    """The figures would be worthless; the message says what came instead of the wanted answers."""


@dataclass(frozen=True, slots=True)
class Pace:
    """How long and how often each subject is driven; `requests_max` bounds a smoke run.

    `warm_requests_max` ends the warming up before its seconds are over.
    """

    rounds: int
    seconds: float
    warm_seconds: float
    requests_max: int | None = None
    warm_requests_max: int | None = None


FULL: Final = Pace(rounds=7, seconds=1.5, warm_seconds=1.0)
QUICK: Final = Pace(rounds=1, seconds=5.0, warm_seconds=5.0, requests_max=4)


class Driven(Protocol):
    """Whatever can be driven and counted."""

    name: str
    outcomes: list[Outcome]

    async def drive(self, seconds: float, requests_max: int | None) -> Outcome:
        """Let it run for so long, or until so many answers."""


@dataclass(slots=True)
class Subject:
    """One thing measured: a name, where it is served, and the clients that ask for it."""

    name: str
    port: int
    clients: Sequence[Client]
    outcomes: list[Outcome] = field(default_factory=list)

    async def drive(self, seconds: float, requests_max: int | None) -> Outcome:
        """Let its clients run for so long, or until so many answers, by no more clients."""
        return await drive(self.port, self.clients[:requests_max], seconds, requests_max)


def rate(subject: Driven) -> float:
    """Give the median rate of the rounds, per second."""
    return median(outcome.rate for outcome in subject.outcomes)


def milliseconds(subject: Driven, share: float) -> float:
    """Give a percentile of all rounds' latencies, in ms."""
    everything = [seconds for outcome in subject.outcomes for seconds in outcome.latencies]
    return percentile(everything, share) * 1e3


@dataclass(frozen=True, slots=True)
class Ratio:
    """How much faster one subject is than another: median of the rounds, least and greatest."""

    median: float
    least: float
    greatest: float


def ratio(subject: Driven, baseline: Driven) -> Ratio:
    """Compare round by round."""
    pairs = zip(subject.outcomes, baseline.outcomes, strict=True)
    ratios = [ours.rate / theirs.rate if theirs.rate else 0.0 for ours, theirs in pairs]
    return Ratio(median(ratios), min(ratios), max(ratios))


async def interleave(
    subjects: Sequence[Driven], pace: Pace, tell: Callable[[str], None] = lambda _text: None
) -> None:
    """Drive the subjects in turn, round after round; raises BenchmarkError for wrong answers."""
    for subject in subjects:
        # Not judged: a process that meets an auction for the first time reads its whole log first.
        tell(f"{subject.name}: warming up")
        await subject.drive(pace.warm_seconds, pace.warm_requests_max or pace.requests_max)
    for number in range(1, pace.rounds + 1):
        for subject in subjects:
            tell(f"{subject.name}: round {number} of {pace.rounds}")
            outcome = await subject.drive(pace.seconds, pace.requests_max)
            _check(subject, outcome)
            subject.outcomes.append(outcome)


def _check(subject: Driven, outcome: Outcome) -> None:
    others = outcome.others.total()
    if not outcome.counted or others > REFUSED_SHARE_MAX * (outcome.counted + others):
        raise BenchmarkError(
            f"{subject.name}: {outcome.counted} answers counted, others by status: "
            f"{dict(outcome.others)}; the last said {outcome.other_body[:500]!r}"
        )
