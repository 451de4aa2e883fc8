"""`marketplace simulate`: as many made-up auctions as one likes."""

import time
from typing import Final

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from auctions.simulation.run import Played, simulate

FINDINGS_SHOWN: Final = 10


@click.command("simulate")
@click.option("--seeds", default=2_000, show_default=True, help="How many auctions.")
@click.option("--first", default=0, show_default=True, help="The first seed; each is one auction.")
def simulate_auctions(seeds: int, first: int) -> None:
    """Play made-up auctions and check that all that must hold holds.

    Needs no server. Prints how often each state that matters was reached; exits with 1 and names
    the seed if a property is broken. A seed is the same auction on every machine.
    """
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
    )
    console = Console(highlight=False, soft_wrap=True)
    began, played = time.monotonic(), Played()
    with Progress(*columns, console=console, transient=True) as progress:
        task = progress.add_task("auctions", total=seeds)
        for _, played in simulate(range(first, first + seeds)):
            progress.update(task, completed=played.auctions)
    for state, times in sorted(played.reached.items()):
        console.print(f"{times:>9,}  {state}")
    console.print(
        f"{played.auctions:,} auctions, {played.entries:,} entries, "
        f"{time.monotonic() - began:.1f} s; {len(played.findings)} break a property"
    )
    for finding in played.findings[:FINDINGS_SHOWN]:
        console.print(f"[red]broken[/] seed {finding.seed}: {finding.detail}")
    raise SystemExit(1 if played.findings else 0)
