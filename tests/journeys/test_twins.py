"""One effect per request: whatever takes a key is sent 16 times at once, and with another body."""

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any, Final
from uuid import uuid4

import httpx
import pytest

from tests.journeys.attack import Operation, keys, operations_of, writing
from tests.journeys.bodies import at, places, put
from tests.journeys.conftest import Played


@pytest.fixture(scope="module")
def operations(played: Played) -> list[Operation]:
    return operations_of(played)


@pytest.fixture
async def http(played: Played) -> AsyncIterator[httpx.AsyncClient]:
    async with played.product.client() as client:
        yield client


TWINS: Final = 16
UNREPEATABLE: Final = {
    "replaceBid": "tests/rfq/test_bids.py: a key belongs to one version of a bid",
    "fileComplaint": "tests/rfq/awards/test_standstill.py: the road has no standstill",
    "requestExplanation": "tests/rfq/test_explanations.py: no offer of the road is that low",
    "requestBidExtensions": "tests/rfq/test_validity.py: no bid of the road names an end",
    **dict.fromkeys(
        ("beginNegotiation", "makeOffer", "sendNegotiationMessage"),
        "tests/rfq/test_negotiation.py: the road bids and is awarded",
    ),
    "importNotice": "tests/rfq/notices/test_notices.py: the road drafts by hand",
    **dict.fromkeys(
        ("createScenario", "proposeScenario"),
        "tests/rfq/scenarios/test_scenarios.py: no lot of the road is left to decide",
    ),
    "makeFramework": "tests/contracts/test_frameworks.py: the road has one contract, awarded once",
    "nameEvaluators": "tests/rfq/panels.py: the road's procedure is judged by price alone",
    "decideBidder": "tests/rfq/test_qualification.py: the road's procedure asks for no proofs",
    "submitEnvelope": "tests/rfq/test_strict.py: the road's procedure is not strict",
    "startLotsAuction": "tests/rfq/test_awards.py: the road auctions its one lot",
    **dict.fromkeys(
        ("awardAuction", "putProxy", "deleteProxy", "enterSurrogateBid", "sendAuctionMessage"),
        "tests/auctions/conduct: the road's auction is over, and its procedure's to award",
    ),
}
"""Operations whose key cannot be tried on a road that has ended, with where it is."""


@dataclass(frozen=True)
class Sent:
    """A request that was sent on the spare road under a key of its own."""

    operation: Operation
    path: str
    headers: dict[str, str]
    body: Any
    answer: Any

    @property
    def other_body(self) -> Any:
        """Another body in the same form."""
        texts = [path for path in places(self.body) if isinstance(at(self.body, path), str)]
        amounts = [path for path in texts if at(self.body, path).replace(".", "").isdigit()]
        if amounts:
            return put(self.body, amounts[0], "7")
        words = {"name", "title", "carrier", "supplier_reference", "note", "text", "question"}
        names = [p for p in texts if p[-1] in words]
        if names:
            return put(self.body, names[0], "Other")
        if len(self.body) == 1 and (path := texts[0])[-1] in {
            "order_id",
            "quote_id",
            "requisition_list_id",
        }:
            return put(self.body, path, str(uuid4()))
        return {**self.body, "reason": "x"} if "lot_id" in self.body else twice_in_lists(self.body)


def twice_in_lists(body: dict[str, Any]) -> dict[str, Any]:
    doubled = {k: v + v if isinstance(v, list) else v for k, v in body.items()}
    return doubled if doubled != body else {**body, "comment": "other"}


async def recorded(http: httpx.AsyncClient, played: Played, operation: Operation) -> Sent | None:
    """The request as it was recorded, with the key of who sent it: he gets its answer again."""
    exchange = played.spare_exchanges.get(operation.name)
    if exchange is None or "Idempotency-Key" not in exchange.headers:
        return None
    sellers = [key for supplier in played.spare.suppliers for key in supplier.keys.values()]
    for key in [*keys(played), *sellers]:
        headers = {**writing(key), **exchange.headers}
        answer = await http.request(
            exchange.method, exchange.path, headers=headers, json=exchange.body
        )
        if answer.status_code == exchange.status and without_secrets(
            answer.json()
        ) == without_secrets(exchange.answer):
            return Sent(operation, exchange.path, headers, exchange.body, exchange.answer)
    msg = f"nobody is given the answer to {operation.name} again"
    raise AssertionError(msg)


def without_secrets(answer: Any) -> Any:
    """An answer without what is shown once."""
    if isinstance(answer, dict):
        return {k: without_secrets(v) for k, v in answer.items() if k not in {"key", "nonce"}}
    return answer


async def send_twins(http: httpx.AsyncClient, sent: Sent) -> list[httpx.Response]:
    """The same request many times at once."""
    return await asyncio.gather(
        *(
            http.request(sent.operation.method, sent.path, headers=sent.headers, json=sent.body)
            for _ in range(TWINS)
        )
    )


def fresh(played: Played, operation: Operation) -> Sent | None:
    """A good request that makes something new, under a key never used."""
    road = played.spare
    buyer, seller = road.buyer.keys, road.suppliers[0].keys["seller"]
    company = f"/v1/organizations/{road.buyer.organization_id}"
    name = {"name": f"Twins {uuid4()}"}
    member = {**name, "memberships": [{"roles": ["viewer"]}]}
    order = played.spare_exchanges["putOrderByExternalNumber"].body
    procedure = played.spare_exchanges["createProcedure"].body
    auction = {
        "title": "Twins",
        "currency": "EUR",
        "lots": [
            {
                "title": "Twins",
                "ceiling": "100",
                "decrement": {"step": {"measure": "absolute", "value": "1"}},
                "starts_at": "2050-01-01T00:00:00Z",
                "ends_at": "2050-01-02T00:00:00Z",
                "participants": [{"organization_id": road.award["supplier_id"]}],
            }
        ],
    }
    made: dict[str, tuple[str, str, Any]] = {
        "addUnit": (buyer["administrator"], f"{company}/units", name),
        "addMember": (buyer["administrator"], f"{company}/members", member),
        "createProduct": (road.operator.key or "", "/v1/products", name),
        "createSearchSynonyms": (
            road.operator.key or "",
            "/v1/search-synonyms",
            {"terms": [f"twin{uuid4()}", "double"]},
        ),
        "createPriceList": (
            seller,
            "/v1/price-lists",
            {**name, "level": "organization", "currency": "EUR"},
        ),
        "createProcedure": (
            buyer["purchaser"],
            "/v1/procedures",
            {**procedure, "deadline_at": "2050-01-01T00:00:00Z"},
        ),
        "createAuction": (buyer["purchaser"], "/v1/auctions", auction),
        "submitOrder": (buyer["purchaser"], "/v1/orders", order),
    }
    if operation.name not in made:
        return None
    key, path, body = made[operation.name]
    return Sent(operation, path, writing(key), body, None)


async def test_a_request_has_one_effect_however_often_it_comes(
    played: Played, operations: list[Operation], http: httpx.AsyncClient
) -> None:
    keyed = [operation for operation in operations if operation.takes("Idempotency-Key")]
    tried = set(UNREPEATABLE)
    for operation in keyed:
        for sent in (await recorded(http, played, operation), fresh(played, operation)):
            if sent is None:
                continue
            answers = await send_twins(http, sent)
            good = [answer for answer in answers if answer.status_code < 300]
            assert good, (operation.name, answers[0].text)
            assert len({json.dumps(without_secrets(a.json())) for a in good}) == 1, operation.name
            codes = {answer.json()["code"] for answer in answers if answer not in good}
            assert codes <= {"still_running"}, (operation.name, codes)
            if sent.answer is not None:
                assert without_secrets(good[0].json()) == without_secrets(sent.answer)
            other = await http.request(
                operation.method, sent.path, headers=sent.headers, json=sent.other_body
            )
            assert other.json().get("code") == "idempotency_key_reused", (
                operation.name,
                other.text,
            )
            tried.add(operation.name)
    assert {operation.name for operation in keyed} == tried
