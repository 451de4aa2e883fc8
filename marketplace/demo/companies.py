"""The companies of the demo: made over HTTP by the operator's key, kept with their keys in a file.

The file is private and belongs to one set of local data. Keys that no longer count, because the
data was erased, are noticed and made anew.
"""

from collections.abc import Awaitable, Callable
from pathlib import Path

import httpx
import msgspec

from marketplace.demo.catalog.loading import load_catalog
from marketplace.demo.registration import (
    BUYER,
    DemoCompany,
    register_buyer,
    register_supplier,
)
from marketplace.demo.story import Actor, Recorder
from marketplace.demo.wares import ASSORTMENTS
from marketplace.development import write_private


class DemoKeys(msgspec.Struct, frozen=True):
    """Who plays in the demo, and at which address it was seen last."""

    url: str
    operator_key: str
    buyer: DemoCompany
    suppliers: tuple[DemoCompany, ...]


async def demo_companies(
    http: httpx.AsyncClient, path: Path, new_operator_key: Callable[[], Awaitable[str]]
) -> DemoKeys:
    """Give the demo's companies, those in the file or new ones.

    `new_operator_key` makes a key of the operator, who alone may register companies.
    """
    url = str(http.base_url).rstrip("/")
    known = read_keys(path)
    if known is not None and await _counts(http, known.buyer.key):
        keys = msgspec.structs.replace(known, url=url)
    else:
        keys = await _register(http, url, await new_operator_key())
    if keys != known:
        write_private(path, msgspec.json.format(msgspec.json.encode(keys)).decode() + "\n")
    return keys


def read_keys(path: Path) -> DemoKeys | None:
    """Read the file; None where there is none or it is not of this version."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=DemoKeys)
    except (FileNotFoundError, msgspec.DecodeError):
        return None


async def _counts(http: httpx.AsyncClient, key: str) -> bool:
    answer = await http.get("/v1/me", headers={"Authorization": f"Bearer {key}"})
    return answer.is_success


async def _register(http: httpx.AsyncClient, url: str, operator_key: str) -> DemoKeys:
    operator = Actor(http, "operator", operator_key, Recorder())
    buyer = await register_buyer(operator, BUYER)
    suppliers = [await register_supplier(operator, name) for name in ASSORTMENTS]
    await load_catalog(operator, buyer, suppliers)
    return DemoKeys(url, operator_key, buyer, tuple(suppliers))
