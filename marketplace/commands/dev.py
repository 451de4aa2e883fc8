"""Everything on one machine: `marketplace dev`, and an end to its data."""

import asyncio
import os
import time
from collections.abc import Iterator
from importlib import import_module
from typing import TYPE_CHECKING

import click

from marketplace import development
from marketplace.commands.operating import seeded_operator
from marketplace.commands.schema import bring_up_to_date
from marketplace.commands.terminal import says_what_is_wrong, terminal
from marketplace.devservices import DevServices
from marketplace.platform.settings import SettingsError, load_settings

if TYPE_CHECKING:
    from marketplace.demo.companies import DemoKeys


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True)
@click.option("--port", default=8000, show_default=True, envvar="PORT")
@says_what_is_wrong
def dev(host: str, port: int) -> None:
    """Start everything here and watch it; Ctrl-C stops it, the data stays."""
    began = time.monotonic()
    development.check_port(host, port)
    url = f"http://{host}:{port}"
    environ = {**os.environ, "MARKETPLACE_PUBLIC_URL": url}
    with (
        development.until_stopped(),
        development.embedded_services(environ) as (services, complete),
    ):
        api = development.command_child("api", complete, "serve", "--host", host, f"--port={port}")
        worker = development.command_child("worker", complete, "work")
        bidders = development.command_child("bidders", complete, "bidders", url)
        children = [bidders, worker, api]
        try:
            if services is not None:
                if services.were_used:
                    api.start()
                services.wait_until_ready()
            bring_up_to_date(complete, meanwhile=api)
            import_module("marketplace.demo.bidders")  # while the API loads
            development.wait_until_ready(url, api)
            demo = asyncio.run(_demo(url, complete, worker))
            if not worker.running:
                worker.start()
            _greet(url, time.monotonic() - began)
            if demo is not None:
                bidders.start()
                _show(url, *demo)
            _watch(services, children if demo is not None else [worker, api])
        finally:
            for child in children:
                child.ask_to_stop()
            for child in children:
                child.stop()
    terminal().print("Stopped. The data stays in", str(development.directory_of(environ)))


async def _demo(
    url: str, environ: development.Environ, worker: development.Child
) -> tuple["DemoKeys", str] | None:
    """Make the demo's companies and its auction, or find those of an earlier start.

    Companies need the worker, which loads their files; else it may wait for the API to have loaded.
    Where that does not work out the API is of use all the same: it is said, and gives None.
    """
    import httpx

    from marketplace.demo.bidders import ensure_auction
    from marketplace.demo.companies import demo_companies
    from marketplace.demo.story import UnexpectedAnswer

    async def new_operator_key() -> str:
        worker.start()
        key = await seeded_operator(load_settings(environ), new_key=True)
        if key is None:
            raise SettingsError("The operator got no key.")
        return key

    async with httpx.AsyncClient(base_url=url, timeout=60) as http:
        try:
            demo = await demo_companies(http, development.demo_keys_file(environ), new_operator_key)
            return demo, await ensure_auction(http, demo)
        except (UnexpectedAnswer, httpx.TransportError) as error:
            terminal().print(f"The demo is left out: {error!r}", markup=False)
            return None


def _greet(url: str, seconds: float) -> None:
    terminal().print(f"\n[bold]Ready[/bold] in {seconds:.1f} s. Ctrl-C stops it; the data stays.\n")
    terminal().print(f"  API            {url}/v1")
    terminal().print(f"  documentation  {url}/schema")
    terminal().print(f"  health         {url}/health/ready\n")


def _show(url: str, demo: "DemoKeys", auction: str) -> None:
    # Printed as it is: a wrapped or shortened line could not be copied.
    for name, side, key in _players(demo):
        click.echo(f"  {name:<26}{side:<10}{key}")
    terminal().print("\nAsk for bearings at the buyer's own prices:\n")
    click.echo(f"  curl -s '{url}/v1/catalog?q=bearing&limit=2' {_as(demo.buyer.key)}\n")
    terminal().print("Look at the live auction (a supplier's key shows it otherwise):\n")
    click.echo(f"  curl -s {url}/v1/auctions/{auction}/standing {_as(demo.buyer.key)}\n")
    terminal().print("Bid in it against the others:\n")
    click.echo(
        f"  curl -s {url}/v1/auctions/{auction}/bids {_as(demo.suppliers[0].key)}"
        " -H 'Content-Type: application/json' -H 'Idempotency-Key: my-first-bid'"
        """ -d '{"amount": {"amount": "39999.00", "currency": "EUR"}}'\n"""
    )


def _as(key: str) -> str:
    return f"-H 'Authorization: Bearer {key}'"


def _players(demo: "DemoKeys") -> Iterator[tuple[str, str, str]]:
    yield demo.buyer.name, "buyer", demo.buyer.key
    for supplier in demo.suppliers:
        yield supplier.name, "supplier", supplier.key
    yield "The marketplace", "operator", demo.operator_key


def _watch(services: DevServices | None, children: list[development.Child]) -> None:
    """Look after the processes, until a signal ends it."""
    embedded = [] if services is None else [services.valkey, services.postgres]
    watch = development.Watch([*embedded, *children], terminal().print)
    while True:
        watch.look()
        time.sleep(development.WATCH_S)


@click.command()
@click.option("--yes", is_flag=True, help="Do not ask.")
@says_what_is_wrong
def erase(yes: bool) -> None:
    """Delete all local development data."""
    directory = development.directory_of(os.environ)
    if not directory.exists():
        return
    if not yes:
        click.confirm(f"Delete all data in {directory}?", abort=True)
    DevServices(directory).erase()
