"""The processes of an installation: the API and the worker."""

import asyncio
import contextlib
import gc
import os
import signal
from typing import Any

import click

from marketplace import development
from marketplace.commands.terminal import says_what_is_wrong
from marketplace.kernel.limits import LIVE_MESSAGE_BYTES_MAX
from marketplace.platform.settings import Settings, load_settings


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True)
@click.option("--port", default=8000, show_default=True)
@click.option("--workers", default=1, show_default=True, help="Processes.")
@says_what_is_wrong
def serve(host: str, port: int, workers: int) -> None:
    """Serve the API."""
    gc.disable()  # until all is made: nothing is garbage, and looking takes a sixth of the start
    import uvicorn
    import uvloop

    from marketplace.platform.http.server import BoundedHttp, serve_until_told
    from marketplace.platform.safety import refuse_unsafe

    os.environ.update(development.found_environment(os.environ))
    uvloop.run(refuse_unsafe(load_settings()))
    config = uvicorn.Config(
        "marketplace.commands.processes:api",
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
    serve_until_told(config)


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


@click.command()
@click.option("--metrics-host", default="127.0.0.1", show_default=True)
@click.option("--metrics-port", type=int, help="Serve the metrics of this worker there.")
@says_what_is_wrong
def work(metrics_host: str, metrics_port: int | None) -> None:
    """Number events, fire timers, run jobs. Any number of these may run."""
    gc.disable()  # as `serve` does, until all is made
    import uvloop

    from marketplace.platform.telemetry import configure_logging, serve_metrics

    os.environ.update(development.found_environment(os.environ))
    settings = load_settings()
    configure_logging(settings.log_level)
    if metrics_port is not None:
        serve_metrics(metrics_host, metrics_port)
    uvloop.run(_work(settings))


async def _work(settings: Settings) -> None:
    from marketplace.app import assemble
    from marketplace.platform.garbage import BRIEFLY, settled
    from marketplace.platform.safety import refuse_unsafe
    from marketplace.worker import Worker

    await refuse_unsafe(settings)
    assembly = assemble(settings)
    working = asyncio.ensure_future(Worker(assembly).run())
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, working.cancel)
    try:
        gc.enable()
        with settled(BRIEFLY), contextlib.suppress(asyncio.CancelledError):
            await working
    finally:
        await assembly.platform.close()
