"""The story on a terminal: chapters, what happened, and a bar while deadlines pass."""

import asyncio
import time

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from marketplace.demo.journey import STEPS


class TerminalNarrator:
    """Tells the story to a person."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._began = time.monotonic()

    def chapter(self, number: int, title: str) -> None:
        """Begin a step of the road."""
        passed = f"{time.monotonic() - self._began:5.1f} s"
        self._console.print(f"\n[bold]{number}/{len(STEPS)}  {title}[/bold]  [dim]{passed}[/dim]")

    def say(self, text: str) -> None:
        """Tell what happened."""
        self._console.print(f"     {text}", markup=False)

    async def wait(self, seconds: float, why: str) -> None:
        """Wait for the clock, and show how long."""
        if not self._console.is_terminal:
            self._console.print(f"     … waiting {seconds:.1f} s {why}", style="dim")
            await asyncio.sleep(seconds)
            return
        columns = (
            TextColumn("     waiting {task.description}"),
            BarColumn(),
            TimeRemainingColumn(),
        )
        with Progress(*columns, console=self._console, transient=True) as progress:
            task = progress.add_task(why, total=seconds)
            until = time.monotonic() + seconds
            while (left := until - time.monotonic()) > 0:
                progress.update(task, completed=seconds - left)
                await asyncio.sleep(min(0.1, left))
