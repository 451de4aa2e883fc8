"""The whole product as processes of its own, as users run it: for journeys and for faults."""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

from marketplace.development import Child, local_environment, wait_until_ready
from marketplace.devservices import DevServices, ServiceUrls
from tests.support.scratch import scratch_directory

SECRET = "a-secret-of-the-test-run-" + "0123456789abcdef" * 2


class RunningProduct:
    """Embedded servers, API and worker; each can be killed and started again."""

    def __init__(self, services: DevServices, directory: Path, port: int) -> None:
        self.services = services
        self.url = f"http://127.0.0.1:{port}"
        urls = ServiceUrls(
            services.database_url, services.owner_url, services.redis_url, os.getpid()
        )
        bare = {k: v for k, v in os.environ.items() if not k.startswith(("MARKETPLACE_", "PYTEST"))}
        self.environ = local_environment(
            {
                **bare,
                "MARKETPLACE_SECRET": SECRET,
                "MARKETPLACE_DATA": str(directory),
                "MARKETPLACE_ENVIRONMENT": "test",
                "MARKETPLACE_PUBLIC_URL": self.url,
                "MARKETPLACE_REQUESTS_PER_MINUTE": "1000000",
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
        """Make the operator's first key, as an administrator does on the command line."""
        command = [sys.executable, "-m", "marketplace.cli", "seed"]
        done = subprocess.run(command, env=self.environ, capture_output=True, check=True)  # noqa: S603
        return done.stdout.decode().split()[-1]

    def client(self) -> httpx.AsyncClient:
        return httpx.AsyncClient(base_url=self.url, timeout=30)


@contextmanager
def running_product(*, durable: bool = False) -> Iterator[RunningProduct]:
    """Run the product on servers of its own for the length of the block."""
    with (
        scratch_directory("marketplace-run-", durable=durable) as directory,
        DevServices(directory / "services", durable=durable) as services,
    ):
        product = RunningProduct(services, directory, free_port())
        migrate = [sys.executable, "-m", "marketplace.cli", "migrate"]
        subprocess.run(migrate, env=product.environ, check=True, capture_output=True)  # noqa: S603
        product.start()
        try:
            yield product
        finally:
            product.stop()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port
