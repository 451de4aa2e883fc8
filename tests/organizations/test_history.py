"""The role importer exists only where the operator lets a company bring in its history."""

import asyncio

import httpx
import pytest

from marketplace.kernel.errors import InvalidInput
from marketplace.organizations.rules import MemberRole, Sides, check_roles
from tests.support.world import World

BACKDATE = "orders:backdate"


def test_the_role_needs_the_operators_leave() -> None:
    allowed = Sides(buyer=True, imports_history=True)
    assert check_roles(["importer"], allowed, "/roles") == {MemberRole.IMPORTER}
    with pytest.raises(InvalidInput, match="operator"):
        check_roles(["importer"], Sides(buyer=True), "/roles")


async def scopes(client: httpx.AsyncClient, key: str) -> list[str]:
    answer = await client.get("/v1/me", headers={"Authorization": f"Bearer {key}"})
    assert answer.status_code == 200, answer.text
    found: list[str] = answer.json()["scopes"]
    return found


async def test_an_importer_may_backdate_orders_until_the_operator_ends_it(
    client: httpx.AsyncClient, world: World
) -> None:
    operator = await world.operator()
    body = {
        "name": "Old House",
        "country": "DE",
        "buyer": True,
        "imports_history": True,
        "administrator": {"name": "Head", "email": "head@old.example"},
    }
    made = (await client.post("/v1/organizations", json=body, headers=operator.writing)).json()
    company = made["organization"]["id"]
    key = made["api_key"]["key"]
    assert BACKDATE not in await scopes(client, key)

    def as_head(request_key: str) -> dict[str, str]:
        return {"Authorization": f"Bearer {key}", "Idempotency-Key": request_key}

    base = f"/v1/organizations/{company}"
    member = {
        "name": "Import",
        "kind": "machine",
        "memberships": [{"roles": ["purchaser", "importer"]}],
    }
    machine = await client.post(f"{base}/members", json=member, headers=as_head("member"))
    assert machine.status_code == 201, machine.text
    wanted = {"member_id": machine.json()["id"], "name": "import"}
    answer = await client.post(f"{base}/api-keys", json=wanted, headers=as_head("key"))
    importer = answer.json()["key"]
    assert BACKDATE in await scopes(client, importer)

    own = await client.patch(
        base, json={"imports_history": True}, headers={**as_head("x"), "If-Match": '"1"'}
    )
    assert own.status_code == 403
    ended = await client.patch(
        base, json={"imports_history": False}, headers={**operator.writing, "If-Match": '"1"'}
    )
    assert ended.status_code == 200, ended.text
    async with asyncio.timeout(30):
        while BACKDATE in (left := await scopes(client, importer)):
            await asyncio.sleep(0.01)
    assert "orders:write" in left
