"""Nobody sees another company's rows: every operation of the API, asked by a stranger.

The stranger is buyer and supplier, has every role, and knows every identifier of the road. The
operations come from the OpenAPI document. One with identifiers in its path must answer 404; a list
must hold nothing of the road; any other needs a row in `EXPLAINED`, or the test fails: so does a
new operation that nobody thought of.
"""

import json
from typing import Any

import httpx
import pytest

from tests.journeys.conftest import Played
from tests.journeys.identifiers import identifiers

EXPLAINED = {
    "readMe": "tells of the caller alone",
    "startSession": "swaps the caller's own key",
    "endSession": "ends the caller's own session",
    "registerOrganization": "needs the operator; test_only_the_operator_registers_companies",
    "createProduct": "needs the operator; test_only_the_operator_keeps_products_and_categories",
    "makeFramework": "of own contracts alone; a foreign one is unknown to "
    "test_a_framework_is_made_of_own_contracts",
    "readProduct": "active products are public; offers and prices are not",
    **dict.fromkeys(
        (
            "putCategoryByCode",
            "removeCategoryByCode",
            "changeProduct",
            "putProductRelations",
            "acceptProduct",
            "mergeProduct",
            "activateProduct",
            "discontinueProduct",
            "takeProductSuggestion",
            "declineProductSuggestion",
        ),
        "needs the operator; test_only_the_operator_keeps_products_and_categories",
    ),
    "tellOfProduct": "active products are public; "
    "test_suggestions_are_their_suppliers_and_the_operators",
    "listCategories": "the tree of categories is public",
    "readCategory": "the tree of categories is public",
    "readCatalogItem": "test_the_catalog_shows_a_stranger_base_prices_alone",
    "readRelatedItems": "products are public, and shown with an offer alone; "
    "test_what_is_hidden_changes_no_byte",
    "listSearchSynonyms": "the operator's; test_only_the_operator_keeps_synonyms",
    "createSearchSynonyms": "the operator's; test_only_the_operator_keeps_synonyms",
    "changeSearchSynonyms": "the operator's; test_only_the_operator_keeps_synonyms",
    "deleteSearchSynonyms": "the operator's; test_only_the_operator_keeps_synonyms",
    "uploadMedium": "makes something of one's own",
    "putOfferBySku": "SKUs are names inside of one supplier; makes an own offer",
    "checkPrices": "test_the_catalog_shows_a_stranger_base_prices_alone",
    "putStockSettings": "tells of the caller alone",
    "putStockLocation": "codes are names inside of one supplier; makes an own location",
    "putStockLevels": "SKUs and locations are names inside of one supplier; sets own stock",
    "checkStock": "tests/catalog/stock: what one may not see is as unknown as what is not",
    "createCart": "makes something of one's own",
    "createRequisitionList": "makes something of one's own",
    "createPriceList": "makes something of one's own",
    "createSegment": "makes something of one's own",
    "makeQuote": "makes something of one's own",
    "createAssortment": "makes something of one's own",
    "putCustomer": "says how the stranger's own prices for a company are weighed",
    "startImport": "makes something of one's own; into a foreign list: "
    "test_nothing_is_imported_into_a_foreign_list",
    "submitOrder": "orders at the stranger's own prices; test_a_foreign_contract_prices_no_order",
    "putOrderByExternalNumber": "numbers are names inside of one buyer; "
    "test_the_same_order_number_of_two_buyers_is_two_orders",
    "issueInvoice": "test_nobody_invoices_a_foreign_order",
    "createAuction": "makes something of one's own",
    "createProcedure": "makes something of one's own",
    "importNotice": "makes something of one's own",
    "checkNotice": "tells of what was sent alone, and writes nothing",
    "putMailPreference": "says what mail the caller himself does not want",
    "putAwardPolicy": "says of the caller's own company which awards wait",
    "putSupplierQualification": "whom the stranger himself has qualified; "
    "tests/rfq/test_qualification.py",
    "putExternalId": "names are of one company; makes something of one's own",
}


def ids_of(played: Played) -> dict[str, str]:
    return identifiers(played.road, played.exchanges)


BODIES: dict[str, Any] = {
    "changeOrganization": {"name": "Mine now"},
    "changeMember": {"name": "Mine now"},
    "renameSegment": {"name": "Mine now"},
    "renameAssortment": {"name": "Mine now"},
    "changePriceList": {"name": "Mine now"},
    "raiseCommitment": {"cap": "1000"},
    "declineQuote": {"reason": "because"},
    "withdrawQuote": {"reason": "because"},
    "changeCart": {"name": "Mine now"},
    "changeCartLine": {"quantity": "1"},
    "putRequisitionList": {"name": "Mine now", "lines": []},
    "putPriceListEntries": {"entries": [], "removed": []},
    "putPriceListDiscounts": {"discounts": []},
    "putMarginFloors": {"floors": []},
    "updateAuction": {
        "title": "Mine now",
        "currency": "EUR",
        "lots": [{"title": "x", "ceiling": "1", "participants": [{"organization_id": "{line}"}]}],
    },
    "startLotsAuction": {
        "lots": [
            {
                "lot_id": "{line}",
                "bidders": 1,
                "decrement": {"step": {"measure": "absolute", "value": "1"}},
            }
        ]
    },
    "cancelAuction": {"reason": "because"},
    "tryAuction": {
        "bids": [
            {
                "organization_id": "019b8c4e-0000-7000-8000-000000000001",
                "amount": {"amount": "1", "currency": "EUR"},
            }
        ]
    },
    "awardAuction": {"last_day": "2099-01-01"},
    "pauseAuction": {"reason": "because"},
    "extendAuction": {"closes_at": "2099-01-01T00:00:00Z", "reason": "because"},
    "sendAuctionMessage": {"text": "Mine now"},
    "strikeBid": {
        "alias": "x",
        "amount": {"amount": "1", "currency": "EUR"},
        "reason": "because",
    },
    "withdrawOwnBid": {"amount": {"amount": "1", "currency": "EUR"}, "reason": "because"},
    "putProxy": {"limit": {"amount": "1", "currency": "EUR"}},
    "enterSurrogateBid": {
        "organization_id": "019b8c4e-0000-7000-8000-000000000001",
        "amount": {"amount": "1", "currency": "EUR"},
        "proof": "because",
    },
    "cancelProcedure": {"reason": "because"},
    "updateProcedure": {
        "title": "Mine now",
        "currency": "EUR",
        "deadline_at": "2099-01-01T00:00:00Z",
        "lots": [
            {"title": "x", "lines": [{"quantity": "1", "unit": "C62", "description": "x"}]},
        ],
    },
    "extendDeadline": {"deadline_at": "2099-01-01T00:00:00Z", "reason": "because"},
    "amendProcedure": {
        "summary": "because",
        "title": "Mine now",
        "lots": [
            {"title": "x", "lines": [{"quantity": "1", "unit": "C62", "description": "x"}]},
        ],
    },
    "putEstimates": {"lots": []},
    "declineQuestion": {"reason": "because"},
    "approveOpening": {"code": "00"},
    "submitEnvelope": {"version": 1, "commitment": "00" * 32, "halves": "", "ciphertext": ""},
    "showOpeningKeys": {"keys": [{"holder": "buyer", "private_key": "09" * 32}]},
    "requestExplanation": {"bid_id": "{line}", "question": "because"},
    "explainOffer": {"explanation": "because"},
    "decideExplanation": {"accepted": True},
    "decideVariant": {"unmet": []},
    "requestBidExtensions": {"until": "2099-01-01T00:00:00Z", "reason": "because"},
    "answerBidExtension": {"extend": False},
    "withdrawAwardProposal": {"reason": "because"},
    "createScenario": {"name": "Mine now"},
    "proposeScenario": {"last_day": "2099-01-01"},
    "fileComplaint": {"complaint": "because"},
    "answerComplaint": {"upheld": False, "answer": "because"},
    "declineAward": {"reason": "because"},
    "failAward": {"cause": "other", "reason": "because"},
    "endLot": {"reason": "because"},
    "decideBidder": {
        "bidder_id": "{line}",
        "findings": [{"requirement_id": "{line}", "met": True}],
    },
    "putSupplierQualification": {"title": "Mine now", "valid_until": "2099-01-01T00:00:00Z"},
    "nameEvaluators": {"member_ids": ["{line}"]},
    "declareInterest": {"conflict": False},
    "leavePanel": {"reason": "because"},
    "putScores": {"scores": [{"bid_id": "{line}", "criterion_id": "{line}", "score": "1"}]},
    "putAgreedScores": {"scores": [{"bid_id": "{line}", "criterion_id": "{line}", "score": "1"}]},
    "replaceBid": {"currency": "EUR", "lines": [{"line_id": "{line}", "unit_amount": "1"}]},
    "beginNegotiation": {
        "bid_id": "{line}",
        "lines": [{"line_id": "{line}", "unit_amount": "1"}],
        "answer_by": "2099-01-01T00:00:00Z",
    },
    "makeOffer": {
        "lines": [{"line_id": "{line}", "unit_amount": "1"}],
        "answer_by": "2099-01-01T00:00:00Z",
    },
    "endNegotiation": {"reason": "because"},
    "sendNegotiationMessage": {"message": "because"},
    "sendBreakdown": {"lines": [{"line_id": "{line}", "unit_amount": "1"}]},
}
PARAMS = {
    "startImport": {"kind": "offers"},
    "addDocument": {"name": "mine.txt"},
    "uploadMedium": {"name": "mine.png"},
    "uploadSealedAttachment": {"sha256": "00" * 32},
}
HEADERS = {"If-Match": '"1"', "Idempotency-Key": "stranger"}


@pytest.fixture
def operations(document: dict[str, Any]) -> list[tuple[str, str, str]]:
    return [
        (operation["operationId"], method.upper(), path)
        for path, item in document["paths"].items()
        for method, operation in item.items()
        if operation.get("security")
    ]


async def ask(
    played: Played, http: httpx.AsyncClient, operation: str, method: str, path: str
) -> httpx.Response:
    ids = ids_of(played)
    body = BODIES.get(operation)
    if body is None and operation in played.exchanges:
        body = played.exchanges[operation].body
    if body is not None:
        line = played.road.lot["lines"][0]["id"]
        body = json.loads(json.dumps(body).replace("{line}", line))
    key = {"Authorization": f"Bearer {played.stranger.key}"}
    return await http.request(
        method,
        path.format(**ids),
        json=body,
        params=PARAMS.get(operation) if "{" in path else None,
        headers={**HEADERS, **key},
    )


async def test_what_has_an_identifier_in_its_path_does_not_exist_for_a_stranger(
    played: Played, operations: list[tuple[str, str, str]]
) -> None:
    tried = 0
    async with played.product.client() as http:
        for operation, method, path in operations:
            if "{" not in path or operation in EXPLAINED:
                continue
            answer = await ask(played, http, operation, method, path)
            assert answer.status_code == 404, (operation, answer.status_code, answer.text)
            assert answer.json()["code"] == "not_found", operation
            tried += 1
    assert tried > 40


async def test_a_strangers_lists_hold_nothing_of_the_road(
    played: Played, operations: list[tuple[str, str, str]]
) -> None:
    names = {
        "line",
        "kind",
        "system",
        "sku",
        "supplier_id",
        "qualification_code",
        "client_bid_id",
        "product_id",
        "item_id",
        "name",
    }
    hidden = {value for name, value in ids_of(played).items() if name not in names}
    hidden |= {played.road.buyer.name, *played.road.buyer.units.values()}
    tried = 0
    async with played.product.client() as http:
        for operation, method, path in operations:
            if "{" in path or operation in EXPLAINED or method != "GET":
                continue
            answer = await ask(played, http, operation, method, path)
            assert answer.status_code == 200, (operation, answer.status_code, answer.text)
            assert [value for value in hidden if value in answer.text] == [], operation
            tried += 1
    assert tried > 10


def test_every_operation_is_one_of_these_or_explained(
    operations: list[tuple[str, str, str]],
) -> None:
    uncovered = [
        operation
        for operation, method, path in operations
        if "{" not in path and method != "GET" and operation not in EXPLAINED
    ]
    assert uncovered == []
    assert set(EXPLAINED) <= {operation for operation, _, _ in operations}


def stranger(played: Played) -> dict[str, str]:
    return {"Authorization": f"Bearer {played.stranger.key}", "Idempotency-Key": "mine"}


async def test_only_the_operator_registers_companies(played: Played) -> None:
    body = played.exchanges["registerOrganization"].body
    async with played.product.client() as http:
        answer = await http.post("/v1/organizations", json=body, headers=stranger(played))
    assert answer.status_code == 403


async def test_only_the_operator_keeps_products_and_categories(
    played: Played, operations: list[tuple[str, str, str]]
) -> None:
    bodies = {
        "createProduct": {"name": "Planted"},
        "putCategoryByCode": {"names": [{"language": "en", "name": "Planted"}]},
        "changeProduct": {"name": "Mine now"},
        "putProductRelations": {"relations": []},
        "acceptProduct": {},
        "mergeProduct": {"product_id": ids_of(played)["item_id"]},
        "discontinueProduct": {},
        "declineProductSuggestion": {"reason": "Mine now"},
    }
    refused = 0
    async with played.product.client() as http:
        for operation, method, path in operations:
            if EXPLAINED.get(operation, "").endswith("keeps_products_and_categories"):
                answer = await http.request(
                    method,
                    path.format(**ids_of(played)),
                    json=bodies.get(operation),
                    headers={**HEADERS, **stranger(played)},
                )
                assert answer.status_code == 403, (operation, answer.text)
                refused += 1
    assert refused == 11


async def test_the_catalog_shows_a_stranger_base_prices_alone(played: Played) -> None:
    road = played.road
    lines = [
        {"supplier_id": road.award["supplier_id"], "sku": line["sku"], "quantity": "100"}
        for line in road.award["lines"]
    ]
    body = {"currency": "EUR", "explain": True, "lines": lines}
    async with played.product.client() as http:
        checked = await http.post("/v1/prices/check", json=body, headers=stranger(played))
        found = await http.get("/v1/catalog", params={"q": "6204"}, headers=stranger(played))
        item = found.json()["items"][0]
        read = await http.get(f"/v1/catalog/{item['id']}", headers=stranger(played))
    for answer in (checked, found, read):
        assert answer.status_code == 200, answer.text
        for word in ('"contract"', '"organization"', road.buyer.name, road.award["contract_id"]):
            assert word not in answer.text
    assert {line["price"]["level"] for line in checked.json()["lines"]} == {"base"}


async def test_nothing_is_imported_into_a_foreign_list(played: Played) -> None:
    params = {"kind": "prices", "price_list_id": ids_of(played)["list_id"]}
    headers = {**stranger(played), "Content-Type": "text/csv"}
    rows = b"sku,unit,amount\nKA-6204-2RS,C62,0.01\n"
    async with played.product.client() as http:
        answer = await http.post("/v1/imports", params=params, content=rows, headers=headers)
    assert answer.status_code == 404, answer.text


async def test_a_foreign_contract_prices_no_order(played: Played) -> None:
    body = played.exchanges["putOrderByExternalNumber"].body
    async with played.product.client() as http:
        answer = await http.post("/v1/orders", json=body, headers=stranger(played))
    assert answer.status_code == 201, answer.text
    assert {line["price"]["level"] for line in answer.json()["lines"]} == {"base"}


async def test_the_same_order_number_of_two_buyers_is_two_orders(played: Played) -> None:
    exchange = played.exchanges["putOrderByExternalNumber"]
    async with played.product.client() as http:
        answer = await http.put(exchange.path, json=exchange.body, headers=stranger(played))
    assert answer.status_code in {200, 201}, answer.text
    assert answer.json()["id"] != played.road.order["id"]


async def test_nobody_invoices_a_foreign_order(played: Played) -> None:
    body = played.exchanges["issueInvoice"].body
    async with played.product.client() as http:
        answer = await http.post("/v1/invoices", json=body, headers=stranger(played))
    assert answer.status_code in {404, 422}, answer.text
    assert played.road.invoice["number"] not in answer.text


async def test_a_revoked_or_wrong_key_opens_nothing(
    played: Played, operations: list[tuple[str, str, str]]
) -> None:
    ids = ids_of(played)
    async with played.product.client() as http:
        for operation, method, path in operations:
            headers = {**HEADERS, "Authorization": "Bearer mk_not_a_key"}
            answer = await http.request(
                method, path.format_map(_Any(ids)), headers=headers, params=PARAMS.get(operation)
            )
            assert answer.status_code == 401, (operation, answer.status_code)


class _Any(dict[str, str]):
    def __missing__(self, key: str) -> str:
        return "019b8c4e-0000-7000-8000-000000000001"
