"""The whole product as processes of its own, as users run it: for journeys and for faults."""

import asyncio
import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

from marketplace.app import assemble
from marketplace.development import Child, local_environment, reserved_port, wait_until_ready
from marketplace.devservices import DevServices, ServiceUrls
from marketplace.organizations.service import seed_operator
from marketplace.platform.schema import upgrade
from marketplace.platform.settings import Settings, load_settings
from tests.support.scratch import scratch_directory

SECRET = "a-secret-of-the-test-run-" + "0123456789abcdef" * 2


class RunningProduct:
    """API and worker, and the servers they are on; each can be killed and started again."""

    def __init__(
        self, port: int, services: DevServices, urls: ServiceUrls, directory: Path, **environ: str
    ) -> None:
        self.services = services
        self.urls = urls
        self.url = f"http://127.0.0.1:{port}"
        bare = {k: v for k, v in os.environ.items() if not k.startswith(("MARKETPLACE_", "PYTEST"))}
        self.environ = local_environment(
            {
                **bare,
                "MARKETPLACE_SECRET": SECRET,
                "MARKETPLACE_DATA": str(directory),
                "MARKETPLACE_ENVIRONMENT": "test",
                "MARKETPLACE_SETTLE_SECONDS": "0",
                "MARKETPLACE_PUBLIC_URL": self.url,
                **environ,
            },
            urls,
        )
        serve = [sys.executable, "-m", "marketplace.cli", "serve", f"--port={port}"]
        work = [sys.executable, "-m", "marketplace.cli", "work"]
        self.api = Child("api", serve, self.environ, directory / "api.log")
        self.worker = Child("worker", work, self.environ, directory / "worker.log")
        self.directory = directory

    def start(self) -> None:
        self.api.start()
        self.worker.start()
        wait_until_ready(self.url, self.api)

    def stop(self) -> None:
        for child in (self.api, self.worker):
            child.ask_to_stop()
        for child in (self.api, self.worker):
            child.stop()

    def kill(self, child: Child) -> None:
        """End a process as a power cut would."""
        os.kill(child.pid, signal.SIGKILL)
        child.stop()

    def operator_key(self) -> str:
        """Make the operator's first key; not for inside of an event loop."""
        return asyncio.run(_operator_key(load_settings(self.environ)))

    def client(self) -> httpx.AsyncClient:
        return httpx.AsyncClient(base_url=self.url, timeout=30)


async def _operator_key(settings: Settings) -> str:
    platform = assemble(settings).platform
    try:
        return str((await seed_operator(platform)).key)
    finally:
        await platform.close()


@contextmanager
def running_product(*, durable: bool = False, **environ: str) -> Iterator[RunningProduct]:
    """Run the product on servers of its own for the length of the block."""
    with (
        scratch_directory("marketplace-run-", durable=durable) as directory,
        DevServices(directory / "services", durable=durable) as services,
    ):
        upgrade(services.owner_url)
        urls = ServiceUrls(
            services.database_url, services.owner_url, services.redis_url, os.getpid()
        )
        with running_on(services, urls, directory, **environ) as product:
            yield product


@contextmanager
def running_on(
    services: DevServices, urls: ServiceUrls, directory: Path, **environ: str
) -> Iterator[RunningProduct]:
    """Run the product on a migrated database for the length of the block."""
    with reserved_port() as port:
        product = RunningProduct(port, services, urls, directory, **environ)
        try:
            product.start()
            yield product
        finally:
            product.stop()


@contextmanager
def serving_too(product: RunningProduct) -> Iterator[str]:
    """Serve the API by a second process, which has seen nothing yet; give its address."""
    with reserved_port() as port:
        serve = [sys.executable, "-m", "marketplace.cli", "serve", f"--port={port}"]
        api = Child("second", serve, product.environ, product.directory / "second.log")
        api.start()
        try:
            wait_until_ready(f"http://127.0.0.1:{port}", api)
            yield f"http://127.0.0.1:{port}"
        finally:
            api.stop()
