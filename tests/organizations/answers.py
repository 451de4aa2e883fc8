"""A company to register, and what answers about companies hold."""

import asyncio
from typing import Any

import httpx

from tests.support.waiting import GIVE_UP_S

ACME: dict[str, Any] = {
    "name": "Acme GmbH",
    "country": "DE",
    "tax_id": "DE 136,695 976",
    "buyer": True,
    "administrator": {"name": "Anna", "email": "anna@acme.example"},
}


def problem(answer: httpx.Response, status: int) -> dict[str, Any]:
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    body: dict[str, Any] = answer.json()
    return body


def made(answer: httpx.Response) -> dict[str, Any]:
    assert answer.status_code == 201, answer.text
    body: dict[str, Any] = answer.json()
    return body


def read(answer: httpx.Response) -> Any:
    assert answer.status_code == 200, answer.text
    return answer.json()


def bearer(key: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {key}"}


async def eventually_refused(
    client: httpx.AsyncClient, headers: dict[str, str], status: int
) -> None:
    """Wait for what a notification brings about; by itself a memory lives ten times as long."""
    async with asyncio.timeout(GIVE_UP_S):
        while (answer := await client.get("/v1/me", headers=headers)).status_code == 200:
            await asyncio.sleep(0.005)
    problem(answer, status)
