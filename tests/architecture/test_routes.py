"""What every route must have, by the document that describes it."""

import re
from typing import Any

PUBLIC = {
    "isAlive": "operations",
    "isReady": "operations",
    "readMetrics": "operations; keep it off the public address",
    "ping": "tells only that the way works",
    "pingByPost": "tells only that the way works",
    **dict.fromkeys(
        (
            "listReleases",
            "readRelease",
            "readReleasePackage",
            "readRecord",
            "readRecordPackage",
            "readProcessReleases",
        ),
        "open data is everybody's: tests/rfq/ocds/test_secrets.py",
    ),
    "readExtensionFile": "a file of the product, the same for all",
}


def operations(document: dict[str, Any]) -> list[tuple[str, str, dict[str, Any]]]:
    return [
        (path, method, operation)
        for path, item in document["paths"].items()
        for method, operation in item.items()
        if isinstance(operation, dict) and "responses" in operation
    ]


def test_every_operation_needs_a_caller_but_the_few_that_are_public(
    document: dict[str, Any],
) -> None:
    public = {op["operationId"] for _, _, op in operations(document) if not op["security"]}
    assert public <= set(PUBLIC)


def test_operation_ids_are_stable_words_and_each_is_used_once(document: dict[str, Any]) -> None:
    ids = [op["operationId"] for _, _, op in operations(document)]
    assert len(ids) == len(set(ids))
    assert [name for name in ids if not re.fullmatch(r"[a-z]+([A-Z][a-z]*)*", name)] == []


def test_every_operation_says_what_it_is_for_and_belongs_to_an_area(
    document: dict[str, Any],
) -> None:
    for path, method, op in operations(document):
        assert op.get("summary"), (method, path)
        assert op.get("tags"), (method, path)


def test_what_makes_money_orders_bids_or_awards_needs_an_idempotency_key(
    document: dict[str, Any],
) -> None:
    words = (
        "orders",
        "bids",
        "awards",
        "invoices",
        "credit-notes",
        "approvals",
        "confirmations",
        "despatches",
    )
    for path, method, op in operations(document):
        last = [part for part in path.split("/") if not part.startswith("{")][-1]
        if method == "post" and last in words:
            headers = {p["name"]: p for p in op.get("parameters", ()) if p["in"] == "header"}
            assert headers["Idempotency-Key"]["required"], path


def test_all_paths_lie_under_a_version(document: dict[str, Any]) -> None:
    for path in document["paths"]:
        assert path.startswith(("/v1/", "/health/", "/metrics")), path


def test_schemas_have_plain_names_of_their_own(document: dict[str, Any]) -> None:
    names = document["components"]["schemas"]
    assert [name for name in names if not re.fullmatch(r"([A-Z][a-z0-9]*)+", name)] == []
