"""The command line: `marketplace dev`, and its parts one by one.

Commands take the servers from the environment (see `marketplace.platform.settings`); where it
names none, they use those that `marketplace dev` runs in another terminal.
"""
# ruff: noqa: PLC0415 - a command imports what it needs: all of it takes a second, and `dev`, which
# starts the others, would spend that second twice.

import asyncio
import contextlib
import gc
import json
import os
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from functools import cache, wraps
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

import asyncpg
import click

from marketplace import development
from marketplace.devservices import DevServices, DevServicesError
from marketplace.kernel.limits import LIVE_MESSAGE_BYTES_MAX
from marketplace.platform.documents import keep
from marketplace.platform.settings import Secrets, Settings, SettingsError, load_settings

if TYPE_CHECKING:
    from rich.console import Console

    from marketplace.demo.companies import DemoKeys

P = ParamSpec("P")
T = TypeVar("T")


@cache
def terminal() -> "Console":
    """Give the terminal to print on; a server process prints nothing and loads nothing for it."""
    from rich.console import Console

    return Console(highlight=False)


class _Commands(click.Group):
    """Our own commands, and those the installed features bring."""

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        own = super().get_command(ctx, cmd_name)
        place = None if own else self._of_features().get(cmd_name)
        if place is None:
            return own
        module, _, name = place.partition(":")
        command: click.Command = getattr(import_module(module), name)
        return command

    def list_commands(self, ctx: click.Context) -> list[str]:
        return [*super().list_commands(ctx), *sorted(self._of_features())]

    @staticmethod
    def _of_features() -> dict[str, str]:
        from marketplace.features import INSTALLABLE, load_features

        named = os.environ.get("MARKETPLACE_FEATURES")
        features = load_features(named.split(",") if named else INSTALLABLE)
        return {name: at for feature in features for name, at in feature.commands.items()}


def says_what_is_wrong(command: Callable[P, T]) -> Callable[P, T]:
    """Turn the errors a person can mend into one plain message and exit code 1."""

    @wraps(command)
    def run(*args: P.args, **kwargs: P.kwargs) -> T:
        try:
            return command(*args, **kwargs)
        except (SettingsError, DevServicesError) as error:
            raise click.ClickException(str(error)) from error
        except (OSError, asyncpg.PostgresError) as error:
            raise click.ClickException(f"{type(error).__name__}: {error}") from error

    return run


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
def main() -> None:
    """Companies buy from companies: catalogs, sealed tenders and live auctions on one road."""


@main.command()
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
            _migrate(complete, meanwhile=api)
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
        key = await _seed_operator(load_settings(environ), new_key=True)
        if key is None:
            raise SettingsError("The operator got no key.")
        return key

    async with httpx.AsyncClient(base_url=url, timeout=30) as http:
        try:
            demo = await demo_companies(http, _demo_keys(environ), new_operator_key)
            return demo, await ensure_auction(http, demo)
        except (UnexpectedAnswer, httpx.TransportError) as error:
            terminal().print(f"The demo is left out: {error!r}", markup=False)
            return None


def _demo_keys(environ: Mapping[str, str]) -> Path:
    return development.directory_of(environ) / "demo-keys.json"


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


def _migrate(environ: development.Environ, meanwhile: development.Child | None = None) -> None:
    """Bring the schema to the newest revision, and have `meanwhile` running after it.

    Where there is a schema already, that child runs before it is known to be the newest: that is
    likely, and the child takes a while.
    """
    from marketplace.platform.schema import newest_revision, upgrade

    url = environ.get("MARKETPLACE_OWNER_URL")
    if not url:
        raise SettingsError("MARKETPLACE_OWNER_URL is not set: the login that owns the schema.")
    before = asyncio.run(_revision(url))
    if meanwhile is not None and before is not None and not meanwhile.running:
        meanwhile.start()
    newest = newest_revision()
    if before != newest:
        if meanwhile is not None:
            meanwhile.stop()
        with terminal().status(
            "Making the schema" if before is None else f"Migrating from {before}"
        ):
            upgrade(url)
        terminal().print(f"Schema: {before or 'new'} → {newest}")
    if meanwhile is not None and not meanwhile.running:
        meanwhile.start()


async def _revision(owner_url: str) -> str | None:
    from marketplace.platform.schema import revision_of

    connection = await asyncpg.connect(owner_url)
    try:
        return await revision_of(connection)
    finally:
        await connection.close()


@main.command()
@click.option("--host", default="127.0.0.1", show_default=True)
@click.option("--port", default=8000, show_default=True)
@click.option("--workers", default=1, show_default=True, help="Processes.")
@says_what_is_wrong
def serve(host: str, port: int, workers: int) -> None:
    """Serve the API."""
    gc.disable()  # until all is made: nothing is garbage, and looking takes a sixth of the start
    import uvicorn
    import uvloop

    from marketplace.platform.http.server import BoundedHttp
    from marketplace.platform.safety import refuse_unsafe

    os.environ.update(development.found_environment(os.environ))
    uvloop.run(refuse_unsafe(load_settings()))
    uvicorn.run(
        "marketplace.cli:api",
        factory=True,
        host=host,
        port=port,
        workers=workers,
        loop="uvloop",
        http=BoundedHttp,
        ws="websockets-sansio",
        ws_max_size=LIVE_MESSAGE_BYTES_MAX,
        # Messages are short, and a window of his own would double what each viewer takes.
        ws_per_message_deflate=False,
        log_config=None,
        access_log=False,
        server_header=False,
        # Whose forwarded addresses to believe must be said; by default nobody's.
        proxy_headers=bool(os.environ.get("FORWARDED_ALLOW_IPS")),
        timeout_graceful_shutdown=8,
    )


def api() -> Any:
    """Make the ASGI application of one server process, from its environment."""
    gc.disable()
    try:
        from marketplace.app import assemble, create_app
        from marketplace.platform.telemetry import configure_logging

        settings = load_settings()
        configure_logging(settings.log_level)
        return create_app(assemble(settings))
    finally:
        gc.enable()


@main.command()
@click.option("--url", help="A running API; by default the one of `make run`.")
@click.option("--key", envvar="MARKETPLACE_OPERATOR_KEY", help="The operator's key.")
@says_what_is_wrong
def demo(url: str | None, key: str | None) -> None:
    """Play the whole road against a running server, and tell it as a story."""
    from marketplace.demo.companies import read_keys
    from marketplace.demo.story import UnexpectedAnswer

    if key is None:
        known = read_keys(development.directory_of(os.environ) / "demo-keys.json")
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


@main.command()
@says_what_is_wrong
def work() -> None:
    """Number events, fire timers, run jobs. Any number of these may run."""
    import uvloop

    from marketplace.platform.telemetry import configure_logging

    os.environ.update(development.found_environment(os.environ))
    settings = load_settings()
    configure_logging(settings.log_level)
    uvloop.run(_work(settings))


async def _work(settings: Settings) -> None:
    from marketplace.app import assemble
    from marketplace.platform.safety import refuse_unsafe
    from marketplace.worker import Worker

    await refuse_unsafe(settings)
    assembly = assemble(settings)
    working = asyncio.ensure_future(Worker(assembly).run())
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, working.cancel)
    try:
        with contextlib.suppress(asyncio.CancelledError):
            await working
    finally:
        await assembly.platform.close()


@main.command()
@click.option("--retry", is_flag=True, help="Hand them over once more, when the cause is mended.")
@says_what_is_wrong
def parked(*, retry: bool) -> None:
    """Tell which events were parked, since a consumer failed to take them."""
    os.environ.update(development.found_environment(os.environ))
    asyncio.run(_parked(load_settings(), retry=retry))


async def _parked(settings: Settings, *, retry: bool) -> None:
    from marketplace.app import assemble
    from marketplace.platform.consumers import parked_events, retry_parked

    assembly = assemble(settings)
    consumers = {c.name: c for feature in assembly.features for c in feature.consumers}
    try:
        for event in await parked_events(assembly.platform):
            click.echo(
                f"{event.consumer}  {event.number}  {event.kind}  {event.subject_id}  "
                f"{event.error}  {event.parked_at.isoformat()}"
            )
            if retry:
                # In order, and to the first that fails again: that stays, with those after it.
                await retry_parked(assembly.platform, consumers[event.consumer], event.number)
                click.echo("  taken")
    finally:
        await assembly.platform.close()


@main.command("audit-heads")
@click.option(
    "--check",
    "kept",
    type=click.Path(exists=True, path_type=Path, dir_okay=False),
    help="A file that was kept elsewhere: compare all trails with it.",
)
@says_what_is_wrong
def audit_heads(kept: Path | None) -> None:
    """Write the signed ends of all audit trails now, or compare the trails with such a file."""
    os.environ.update(development.found_environment(os.environ))
    file = None if kept is None else kept.read_bytes()
    faults = asyncio.run(_audit_heads(load_settings(), file))
    if faults:
        raise click.ClickException("\n".join(faults))


async def _audit_heads(settings: Settings, kept: bytes | None) -> list[str]:
    import msgspec

    from marketplace.platform.core import Platform
    from marketplace.platform.witness import SignedHeads, check_heads, write_heads

    platform = Platform(settings)
    try:
        if kept is None:
            click.echo(await write_heads(platform))
            return []
        try:
            heads = msgspec.json.decode(kept, type=SignedHeads)
        except msgspec.MsgspecError as error:
            return [f"The file holds no heads of audit trails: {error}"]
        faults = await check_heads(platform, heads)
        if not faults:
            click.echo(f"{len(heads.heads)} trails are as they were at {heads.taken_at}.")
        return faults
    finally:
        await platform.close()


@main.command()
@click.option("--to", "revision", default="head", show_default=True)
@click.option(
    "--check", is_flag=True, help="Compare the migrations with the code, on a scratch database."
)
@says_what_is_wrong
def migrate(revision: str, check: bool) -> None:
    """Bring the schema up to date."""
    from marketplace.platform.schema import newest_revision, upgrade

    if check:
        _check_migrations()
        return
    environ = development.found_environment(os.environ)
    if revision == "head":
        _migrate(environ)
        terminal().print("The schema is at", newest_revision())
        return
    upgrade(environ["MARKETPLACE_OWNER_URL"], revision)
    terminal().print("The schema is at", revision)


def _check_migrations() -> None:
    from marketplace.platform.schema import drift, upgrade

    with tempfile.TemporaryDirectory() as scratch:
        Path(scratch).chmod(0o755)
        with DevServices(Path(scratch) / "services", durable=False) as services:
            upgrade(services.owner_url)
            difference = drift(services.owner_url)
    if difference is not None:
        raise SettingsError(difference)
    terminal().print("The migrations make what the code declares.")


@main.command(hidden=True)
@click.argument("url")
@says_what_is_wrong
def bidders(url: str) -> None:
    """Bid in the demo's auction at URL, and keep one running."""
    from marketplace.demo.bidders import run_bidders
    from marketplace.demo.companies import read_keys
    from marketplace.platform.telemetry import configure_logging

    demo = read_keys(_demo_keys(os.environ))
    if demo is None:
        raise SettingsError("There are no demo companies; `make run` makes them.")
    configure_logging("INFO")
    asyncio.run(run_bidders(url, demo))


@main.command()
@click.option("--new-key", is_flag=True, help="Make a key more where there is an operator already.")
@says_what_is_wrong
def seed(new_key: bool) -> None:
    """Make the operator of the marketplace and print his first key, this once."""
    environ = development.found_environment(os.environ)
    key = asyncio.run(_seed_operator(load_settings(environ), new_key=new_key))
    if key is None:
        terminal().print("There is an operator already; for another key of his: --new-key")
        return
    terminal().print("The operator's key, shown this once:", style="dim")
    click.echo(key)


async def _seed_operator(settings: Settings, *, new_key: bool) -> str | None:
    from marketplace.app import assemble
    from marketplace.organizations.service import seed_operator

    platform = assemble(settings).platform
    try:
        return (await seed_operator(platform, new_key=new_key)).key
    finally:
        await platform.close()


@main.command()
@click.argument("path", type=click.Path(path_type=Path, dir_okay=False), required=False)
@click.option("--check", is_flag=True, help="Fail if the file is not what the code would write.")
@says_what_is_wrong
def openapi(path: Path | None, check: bool) -> None:
    """Write the OpenAPI document, to PATH or to the terminal."""
    keep(_document(), path, check=check, cure="make openapi")


def _document() -> str:
    from marketplace.app import assemble, create_litestar
    from marketplace.platform.http.openapi import openapi_document

    with tempfile.TemporaryDirectory() as scratch:
        settings = Settings(
            "postgresql://localhost",
            "redis://localhost:6379",
            Secrets("of no use: nothing is served by it"),
            data_directory=Path(scratch),
        )
        document = openapi_document(create_litestar(assemble(settings)))
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


@main.command()
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


if __name__ == "__main__":
    sys.exit(main())
