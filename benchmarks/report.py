"""The one table."""

from collections.abc import Sequence
from dataclasses import dataclass

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from benchmarks.compare import Driven, Ratio, milliseconds, rate, ratio


@dataclass(frozen=True, slots=True)
class Trips:
    """Round trips per request, to Postgres and to Redis, mean of many requests."""

    postgres: float
    redis: float


@dataclass(frozen=True, slots=True)
class Target:
    """What a ratio is to reach, as the issue states it."""

    least: float
    words: str


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table. A figure that is no rate has `value` in words instead."""

    name: str
    subject: Driven | None = None
    baseline: Driven | None = None
    target: Target | None = None
    trips: Trips | None = None
    value: str = ""
    hit: bool | None = None

    @property
    def ratio(self) -> Ratio | None:
        """The ratio to the baseline, where there is one."""
        if self.subject is None or self.baseline is None:
            return None
        return ratio(self.subject, self.baseline)

    @property
    def reached(self) -> bool | None:
        """Tell whether the target is hit; None where there is none."""
        if self.hit is not None or self.target is None or self.ratio is None:
            return self.hit
        return self.ratio.median >= self.target.least


def print_report(console: Console, rows: Sequence[Row], ran_on: Sequence[str], notes: str) -> None:
    """Print the table, what it ran on, and how many targets were missed."""
    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    table.add_column("", no_wrap=True)
    for title in ("per second", "p50 ms", "p99 ms", "ratio", "rounds"):
        table.add_column(title, justify="right", no_wrap=True)
    table.add_column("against", no_wrap=True)
    table.add_column("target", no_wrap=True)
    table.add_column("", no_wrap=True)
    table.add_column("Postgres", justify="right")
    table.add_column("Redis", justify="right")
    for row in rows:
        table.add_row(*_cells(row))
    console.print(table)
    console.print(notes)
    for fact in ran_on:
        console.print(f"  {fact}", soft_wrap=True)
    missed = [row.name for row in rows if row.reached is False]
    console.print(f"Missed: {'; '.join(missed)}" if missed else "Every target is hit.")


def _cells(row: Row) -> list[str]:
    subject, times, target = row.subject, row.ratio, row.target
    return [
        row.name,
        row.value if subject is None else f"{rate(subject):,.0f}",
        "" if subject is None else f"{milliseconds(subject, 0.5):.1f}",
        "" if subject is None else f"{milliseconds(subject, 0.99):.1f}",
        "" if times is None else _share(times.median),
        "" if times is None else f"{_share(times.least)} to {_share(times.greatest)}",
        "" if row.baseline is None else row.baseline.name,
        "" if target is None else target.words,
        {None: "", True: "hit", False: "[bold]MISSED[/bold]"}[row.reached],
        "" if row.trips is None else _trips(row.trips.postgres),
        "" if row.trips is None else _trips(row.trips.redis),
    ]


def _share(value: float) -> str:
    return f"{value:.1f} ×" if value >= 1.5 else f"{value:.1%}"  # noqa: PLR2004 - looks alone


def _trips(value: float) -> str:
    return f"{value:.0f}" if abs(value - round(value)) < 0.03 else f"{value:.2f}"  # noqa: PLR2004
