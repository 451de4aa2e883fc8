"""The demo: its story, its bidders."""

import asyncio
import os
import time

import click

from marketplace import development
from marketplace.commands.terminal import says_what_is_wrong, terminal
from marketplace.platform.settings import SettingsError


@click.command()
@click.option("--url", help="A running API; by default the one of `make run`.")
@click.option("--key", envvar="MARKETPLACE_OPERATOR_KEY", help="The operator's key.")
@says_what_is_wrong
def demo(url: str | None, key: str | None) -> None:
    """Play the whole road against a running server, and tell it as a story."""
    from marketplace.demo.companies import read_keys
    from marketplace.demo.story import UnexpectedAnswer

    if key is None:
        known = read_keys(development.demo_keys_file(os.environ))
        if known is None:
            raise SettingsError("No operator's key: start `make run` first, or give --key.")
        key, url = known.operator_key, url or known.url
    try:
        asyncio.run(_play(url or "http://127.0.0.1:8000", key))
    except UnexpectedAnswer as error:
        raise click.ClickException(str(error)) from error


async def _play(url: str, key: str) -> None:
    import httpx

    from marketplace.demo.journey import play
    from marketplace.demo.narration import TerminalNarrator
    from marketplace.demo.story import Recorder

    suffix = f" {time.strftime('%H%M%S')}"
    async with httpx.AsyncClient(base_url=url, timeout=30) as http:
        await play(http, key, TerminalNarrator(terminal()), recorder=Recorder(), suffix=suffix)


@click.command(hidden=True)
@click.argument("url")
@says_what_is_wrong
def bidders(url: str) -> None:
    """Bid in the demo's auction at URL, and keep one running."""
    from marketplace.demo.bidders import run_bidders
    from marketplace.demo.companies import read_keys
    from marketplace.platform.telemetry import configure_logging

    demo = read_keys(development.demo_keys_file(os.environ))
    if demo is None:
        raise SettingsError("There are no demo companies; `make run` makes them.")
    configure_logging("INFO")
    asyncio.run(run_bidders(url, demo))
