"""The companies of the demo: made over HTTP by the operator's key, kept with their keys in a file.

The file is private and belongs to one set of local data. Keys that no longer count, because the
data was erased, are noticed and made anew.
"""

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Final

import httpx
import msgspec

from marketplace.demo.story import Actor, Recorder
from marketplace.development import write_private

BUYER: Final = "Rheinwerk Anlagenbau"
SUPPLIERS: Final = ("Kessler Antriebstechnik", "Baltic Industrial Supply", "Donau Technik Handel")
_COUNTRIES: Final = {
    "Rheinwerk Anlagenbau": "DE",
    "Kessler Antriebstechnik": "DE",
    "Baltic Industrial Supply": "EE",
    "Donau Technik Handel": "AT",
}


class DemoCompany(msgspec.Struct, frozen=True):
    """A company and the key of its administrator."""

    name: str
    organization_id: str
    key: str


class DemoKeys(msgspec.Struct, frozen=True):
    """Who plays in the demo."""

    operator_key: str
    buyer: DemoCompany
    suppliers: tuple[DemoCompany, ...]


async def demo_companies(
    url: str, path: Path, new_operator_key: Callable[[], Awaitable[str]]
) -> DemoKeys:
    """Give the demo's companies, those in the file or new ones.

    `new_operator_key` makes a key of the operator, who alone may register companies.
    """
    async with httpx.AsyncClient(base_url=url, timeout=30) as http:
        known = read_keys(path)
        if known is not None and await _counts(http, known.buyer.key):
            return known
        made = await _register(http, await new_operator_key())
    write_private(path, msgspec.json.format(msgspec.json.encode(made)).decode() + "\n")
    return made


def read_keys(path: Path) -> DemoKeys | None:
    """Read the file; None where there is none or it is not of this version."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=DemoKeys)
    except (FileNotFoundError, msgspec.DecodeError):
        return None


async def _counts(http: httpx.AsyncClient, key: str) -> bool:
    answer = await http.get("/v1/me", headers={"Authorization": f"Bearer {key}"})
    return answer.is_success


async def _register(http: httpx.AsyncClient, operator_key: str) -> DemoKeys:
    operator = Actor(http, "operator", operator_key, Recorder())

    async def company(name: str, side: str) -> DemoCompany:
        body = {
            "name": name,
            "country": _COUNTRIES[name],
            side: True,
            "administrator": {
                "name": "Demo Administrator",
                "email": f"admin@{name.split(maxsplit=1)[0].lower()}.example",
            },
        }
        made = await operator.post("/v1/organizations", body, once=True)
        return DemoCompany(name, made["organization"]["id"], made["api_key"]["key"])

    return DemoKeys(
        operator_key,
        await company(BUYER, "buyer"),
        tuple([await company(name, "supplier") for name in SUPPLIERS]),
    )
