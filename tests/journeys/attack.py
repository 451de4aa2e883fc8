"""What attackers share: the operations of the document as they are on the spare road, and keys."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final
from uuid import uuid4

import httpx

from tests.journeys.asking import Answer, Asker
from tests.journeys.bodies import Bodies
from tests.journeys.conftest import Played
from tests.journeys.identifiers import identifiers

JSON: Final = {"Content-Type": "application/json"}
FOREIGN_WORDS: Final = ("Expected `", "matching regex", "Invalid enum", "Traceback", "asyncpg")
"""What speaks of our inside instead of the cure."""


@dataclass(frozen=True)
class Operation:
    """An operation of the document, and the address it has on the spare road."""

    name: str
    method: str
    template: str
    known: dict[str, str]
    parameters: list[dict[str, Any]]
    body: Any

    @property
    def path(self) -> str:
        return self.template.format(**self.known)

    def takes(self, header: str) -> bool:
        return any(parameter["name"] == header for parameter in self.parameters)

    def queries(self) -> Iterator[str]:
        yield from (p["name"] for p in self.parameters if p["in"] == "query")


def operations_of(played: Played) -> list[Operation]:
    """All operations that answer at once, with a full body where they take JSON."""
    document = httpx.get(f"{played.product.url}/schema/openapi.json", timeout=30).json()
    known = identifiers(played.spare, played.spare_exchanges)
    line = played.spare.lot["lines"][0]["id"]
    seller = played.spare.award["supplier_id"]
    named = {**known, "line_id": line, "supplier_id": seller, "alias": "A"}
    bodies = Bodies(document, named)
    auctioned = played.spare_exchanges["readStanding"].answer["lot_id"]
    auction_bodies = Bodies(document, {**named, "lot_id": auctioned})
    found = []
    for path, item in document["paths"].items():
        auction = path.startswith("/v1/auctions")
        for method, operation in item.items():
            if "text/event-stream" in operation["responses"].get("200", {}).get("content", {}):
                continue  # answers without end; tests/auctions/live/test_events.py
            content = operation.get("requestBody", {}).get("content", {})
            schema = content.get("application/json", {}).get("schema")
            found.append(
                Operation(
                    operation["operationId"],
                    method.upper(),
                    path,
                    known,
                    operation.get("parameters", []),
                    None
                    if schema is None
                    else (auction_bodies if auction else bodies).full(schema),
                )
            )
    return found


def keys(played: Played) -> list[str]:
    """The keys of all who were on the spare road."""
    road = played.spare
    seller = road.suppliers[road.winner]
    buyer = road.buyer.keys
    found = [buyer["purchaser"], seller.keys["seller"], buyer["administrator"], buyer["approver"]]
    others = [supplier.keys["seller"] for supplier in road.suppliers if supplier is not seller]
    return [*found, road.operator.key or "", *others]


def writing(key: str, **headers: str) -> dict[str, str]:
    """Headers of a write that was never sent before."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    once = {"Idempotency-Key": str(uuid4()), "If-Match": '"1"'}
    return {"Authorization": f"Bearer {key}", **JSON, **once, **named}


def key_for(asker: Asker, played: Played, operation: Operation) -> str:
    """The key of somebody on the road whom the operation is for."""
    for key in keys(played):
        answer = asker.request(operation.method, operation.path, writing(key), body=operation.body)
        if answer.status_code not in {401, 403, 404}:
            return key
    return keys(played)[0]


def check_refusal(answer: Answer | httpx.Response, tried: object) -> list[dict[str, str]]:
    """The answer is no fault of ours; a refusal is a problem in plain words. Gives its errors."""
    assert answer.status_code < 500, (tried, answer.text)
    if answer.status_code < 400:
        return []
    assert answer.headers["content-type"] == "application/problem+json", tried
    problem = answer.json()
    assert [word for word in FOREIGN_WORDS if word in answer.text] == [], (tried, answer.text)
    assert problem["status"] == answer.status_code
    assert problem["detail"], tried
    if answer.status_code in {400, 422} and problem["code"] != "idempotency_key_reused":
        assert problem.get("errors"), (tried, answer.text)
    errors: list[dict[str, str]] = problem.get("errors", [])
    return errors
