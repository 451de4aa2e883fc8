"""Play the road on servers of its own and write the documentation's examples: `make examples`."""

import asyncio
import sys

from marketplace.demo.examples import write_documentation
from marketplace.demo.journey import play
from marketplace.demo.story import Exchange, Recorder, Silence
from tests.support.running import RunningProduct, running_product


async def _played(product: RunningProduct, operator_key: str) -> dict[str, Exchange]:
    recorder = Recorder()
    async with product.client() as http:
        await play(http, operator_key, Silence(), recorder=recorder)
    return recorder.exchanges


if __name__ == "__main__":
    with running_product() as running:
        for path in write_documentation(asyncio.run(_played(running, running.operator_key()))):
            sys.stdout.write(f"wrote {path}\n")
