"""Bad input of every kind: refused with a problem that says where and what instead, never a 500.

Bodies and parameters are taken from the OpenAPI document, so that a new operation is attacked as
well. What is done here may do harm: it is done on the spare road.
"""

import base64
import json
import os
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from typing import Final
from uuid import uuid4

import httpx
import pytest

from marketplace.kernel.limits import BODY_BYTES_MAX
from tests.journeys.asking import Asker
from tests.journeys.attack import (
    Operation,
    check_refusal,
    key_for,
    keys,
    operations_of,
    writing,
)
from tests.journeys.bodies import Path, at, places, pointer_to, put
from tests.journeys.conftest import Played


@pytest.fixture(scope="module")
def operations(played: Played) -> list[Operation]:
    return operations_of(played)


@pytest.fixture
def asker(played: Played) -> Iterator[Asker]:
    with Asker(played.product.url) as asker:
        yield asker


@pytest.fixture
async def http(played: Played) -> AsyncIterator[httpx.AsyncClient]:
    async with played.product.client() as client:
        yield client


# Bodies

NO_LIST: Final = [[[]]]
HUGE: Final = -(10**30)
EVERY_VALUE: Final = "HOSTILE_VALUES" in os.environ
"""Whether each field is given all that is hostile, as `make long` does, or what suits it worst."""


def hostile(value: object) -> list[object]:
    """What must not be taken where this value is, the worst first."""
    if isinstance(value, dict | list):
        return [NO_LIST, HUGE, "a\0b"]
    if not isinstance(value, str):
        return [HUGE, NO_LIST, "a\0b"]
    if value[:1].isdigit():
        return ["9999-12-31T23:59:59-14:00" if "T" in value else "NaN", NO_LIST, HUGE]
    return ["a\0b", NO_LIST]


def test_no_field_of_any_body_takes_what_it_must_not(
    played: Played, operations: list[Operation], asker: Asker
) -> None:
    answered: Counter[int] = Counter()

    def try_one(operation: Operation, key: str, path: Path, value: object) -> None:
        changed = put(operation.body, path, value)
        answer = asker.request(operation.method, operation.path, writing(key), body=changed)
        tried = (operation.name, pointer_to(path), value)
        errors = check_refusal(answer, tried)
        answered[answer.status_code] += 1
        here = pointer_to(path)
        if answer.status_code == 422 and isinstance(value, list):
            assert all(e["pointer"].startswith(here) for e in errors), (tried, errors)

    for operation in operations:
        if operation.body is None:
            continue
        key = key_for(asker, played, operation)
        for path in places(operation.body):
            for value in hostile(at(operation.body, path))[: None if EVERY_VALUE else 1]:
                try_one(operation, key, path, value)
    assert answered[422] > 1_000
    assert answered[401] == 0


def test_an_unknown_field_is_named_at_every_depth(
    played: Played, operations: list[Operation], asker: Asker
) -> None:
    headers = writing(keys(played)[0])
    tried = 0
    for operation in operations:
        for path in places(operation.body):
            place = at(operation.body, path)
            if not isinstance(place, dict) or not place:  # an empty one has names of any kind
                continue
            body = put(operation.body, (*path, "colour/~"), "red")
            answer = asker.request(operation.method, operation.path, headers, body=body)
            (error,) = check_refusal(answer, (operation.name, path))
            assert (answer.status_code, error["code"]) == (422, "unknown_field")
            assert error["pointer"] == f"{pointer_to(path)}/colour~1~0"
            tried += 1
    assert tried > 50


BIG: Final = b" " * (BODY_BYTES_MAX + 1)
BROKEN: Final[dict[str, tuple[bytes, dict[str, str], int]]] = {
    "nothing": (b"", {}, 400),
    "no JSON": (b"{'lines': 1}", {}, 400),
    "half of it": (b'{"lines": [', {}, 400),
    "two": (b"{} {}", {}, 422),
    "NaN": (b'{"currency": NaN}', {}, 400),
    "a byte order mark": (b"\xef\xbb\xbf{}", {}, 400),
    "UTF-16": ('{"currency": "EUR"}'.encode("utf-16"), {}, 400),
    "no UTF-8": (b'{"currency": "\xff"}', {}, 400),
    "an encoded surrogate": (b'{"currency": "\xed\xa0\x80"}', {}, 400),
    "a lone surrogate": (b'{"currency": "\\ud800x"}', {}, 400),
    "a control character": (b'{"currency": "\x00"}', {}, 400),
    "nested lists": (b"[" * 100_000, {}, 422),
    "nested deeply": (b'{"lines": [' + b'{"supplier_id": ' * 50_000, {}, 422),
    "a list": (b"[]", {}, 422),
    "null": (b"null", {}, 422),
    "a huge number": (b'{"currency": 1' + b"0" * 5_000 + b"}", {}, 422),
    "too much": (b"{" + BIG + b"}", {}, 413),
    "a form": (b"currency=EUR", {"Content-Type": "application/x-www-form-urlencoded"}, 415),
    "XML": (b"<x/>", {"Content-Type": "text/xml"}, 415),
    "a type that is none": (b"{}", {"Content-Type": ";;;"}, 415),
    "compressed": (b"\x1f\x8b", {"Content-Encoding": "gzip"}, 415),
}


@pytest.mark.parametrize("what", BROKEN)
async def test_a_body_that_is_none_is_refused(
    played: Played, http: httpx.AsyncClient, what: str
) -> None:
    content, named, status = BROKEN[what]
    headers = {**writing(keys(played)[0]), **named}
    answer = await http.post("/v1/prices/check", content=content, headers=headers)
    check_refusal(answer, what)
    assert answer.status_code == status, answer.text


async def test_a_body_without_a_length_is_counted_as_it_comes(
    played: Played, http: httpx.AsyncClient
) -> None:
    sent = 0

    async def body() -> AsyncIterator[bytes]:
        nonlocal sent
        for _ in range(100):
            sent += 65_536
            yield b" " * 65_536

    headers = writing(keys(played)[0])
    answer = await http.post("/v1/prices/check", content=body(), headers=headers)
    assert answer.status_code == 413
    assert str(BODY_BYTES_MAX) in answer.json()["detail"]


async def test_of_a_field_given_twice_the_last_counts_for_the_key_too(
    played: Played, http: httpx.AsyncClient
) -> None:
    key, once = played.spare.buyer.keys["administrator"], str(uuid4())
    path = f"/v1/organizations/{played.spare.buyer.organization_id}/units"
    headers = writing(key, Idempotency_Key=once)
    twice = await http.post(path, content=b'{"name": "A", "name": "Twice"}', headers=headers)
    plain = await http.post(path, content=b'{"name": "Twice"}', headers=headers)
    assert twice.status_code == 201, twice.text
    assert (twice.json()["name"], plain.json()["id"]) == ("Twice", twice.json()["id"])


# Addresses

PARTS: Final = (
    "%00",
    "a%00b",
    "%ff",
    "%0d%0aX-Evil:%20yes",
    "..%2f..%2fetc%2fpasswd",
    "not-a-uuid",
    "9" * 30,
    "-1",
    "x" * 5_000,
)


def test_no_part_of_any_path_does_harm(
    played: Played, operations: list[Operation], asker: Asker
) -> None:
    road = played.spare
    headers = [writing(road.buyer.keys["purchaser"]), writing(road.supplier_as(0).key or "")]
    answered: Counter[int] = Counter()
    for operation in operations:
        for part in PARTS if "{" in operation.template else ():
            names = [p["name"] for p in operation.parameters if p["in"] == "path"]
            for name in names:
                path = operation.template.format(**{**operation.known, name: part})
                answer = asker.request(
                    operation.method, path, headers[len(path) % 2], body=operation.body
                )
                check_refusal(answer, (operation.name, name, part))
                assert "x-evil" not in answer.headers
                answered[answer.status_code] += 1
    assert answered[404] > 200
    assert answered[400] > 50


QUERIES: Final = ("", "%00", "%ff", "-1", "9" * 30, "1e400", "NaN", "x" * 3_000, "%F0%9F%8E%89")


def test_no_parameter_of_any_query_does_harm(
    played: Played, operations: list[Operation], asker: Asker
) -> None:
    tried = 0
    for operation in operations:
        for name in operation.queries():
            for value in QUERIES:
                required = (
                    "" if operation.name != "startImport" or name == "kind" else "&kind=offers"
                )
                address = f"{operation.path}?{name}={value}{required}"
                headers = writing(keys(played)[1], Content_Type="text/csv")
                answer = asker.request(operation.method, address, headers, body=operation.body)
                errors = check_refusal(answer, (operation.name, name, value))
                if answer.status_code == 400:
                    assert errors[0]["pointer"] == f"?{name}", (operation.name, name, value)
                tried += 1
    assert tried > 200


FORGED: Final = (
    None,
    [],
    {},
    -1,
    2**70,
    "a",
    "a\0b",
    str(uuid4()),
    ["a\0b", str(uuid4())],
    ["a\0b", "C62", "2026-01-01T00:00:00Z"],
    ["a", "C62", "2026-01-01T00:00:00"],
    ["a", "C62", "0001-01-01T00:00:00+14:00"],
)


NOT_ON_THE_ROAD: Final = {
    "listNegotiationMessages": "tests/rfq/negotiation",
    "readProcessReleases": "tests/rfq/ocds",
}
"""Lists of what the road has none of, with the tests that read them."""


def test_a_forged_cursor_opens_no_list_and_breaks_none(
    played: Played, operations: list[Operation], asker: Asker
) -> None:
    lists = [operation for operation in operations if "limit" in operation.queries()]
    for operation in lists:
        key = key_for(asker, played, operation)
        for forged in FORGED:
            after = base64.urlsafe_b64encode(json.dumps(forged).encode()).decode().rstrip("=")
            answer = asker.request("GET", f"{operation.path}?after={after}", writing(key))
            errors = check_refusal(answer, (operation.name, forged))
            beside_the_road = {404} if operation.name in NOT_ON_THE_ROAD else set()
            assert answer.status_code in {200, 400} | beside_the_road, (operation.name, answer.text)
            assert [error["pointer"] for error in errors] in ([], ["?after"])
    assert len(lists) > 12


# Headers

ETAGS: Final = ("3", 'W/"3"', "*", '"three"', '"3", "4"', '"-1"', '"' + "9" * 30 + '"', '""')


def test_if_match_is_one_etag_or_refused(
    played: Played, operations: list[Operation], asker: Asker
) -> None:
    changing = [operation for operation in operations if operation.takes("If-Match")]
    for operation in changing:
        headers = writing(keys(played)[0])
        for etag in (None, *ETAGS):
            headers.pop("If-Match", None)
            if etag is not None:
                headers["If-Match"] = etag
            answer = asker.request(operation.method, operation.path, headers, body=operation.body)
            errors = check_refusal(answer, (operation.name, etag))
            assert answer.status_code == (428 if etag is None else 400), (operation.name, etag)
            assert errors[0]["pointer"] == "If-Match:"
    assert len(changing) >= 8


def test_an_idempotency_key_has_a_form(
    played: Played, operations: list[Operation], asker: Asker
) -> None:
    for operation in operations:
        if not operation.takes("Idempotency-Key"):
            continue
        key = key_for(asker, played, operation)
        for name in (None, "", "a b", "x" * 65, "ü"):
            headers = writing(key)
            del headers["Idempotency-Key"]
            if name is not None:
                headers["Idempotency-Key"] = name
            answer = asker.request(
                operation.method,
                operation.path,
                headers={k: v.encode() for k, v in headers.items()},
                body=operation.body,
            )
            errors = check_refusal(answer, (operation.name, name))
            assert answer.status_code == 400, (operation.name, name, answer.text)
            assert errors[0]["pointer"] == "Idempotency-Key:"


async def test_no_page_of_another_origin_is_let_in(played: Played, http: httpx.AsyncClient) -> None:
    headers = {"Origin": "https://evil.example", "Access-Control-Request-Method": "POST"}
    for answer in (
        await http.options("/v1/orders", headers=headers),
        await http.get("/v1/me", headers={**headers, **writing(keys(played)[0])}),
    ):
        assert not [name for name in answer.headers if name.startswith("access-control-")]


async def test_what_the_client_says_of_itself_is_not_repeated(
    played: Played, http: httpx.AsyncClient
) -> None:
    lies = {"Host": "evil.example", "X-Forwarded-Host": "evil.example", "X-Request-Id": "a b\tc"}
    answer = await http.get("/v1/orders?limit=1", headers={**lies, **writing(keys(played)[0])})
    assert answer.status_code == 200
    assert "evil" not in f"{answer.text} {answer.headers}"
    assert answer.headers["x-request-id"] != "a b\tc"


@pytest.mark.parametrize("host", ["a:r", "a:99999999", 'e54>}wdf"p|ghX:r*=', "[", "a b", "a/b", ""])
async def test_a_host_out_of_form_is_no_fault_of_ours(
    played: Played, http: httpx.AsyncClient, host: str
) -> None:
    headers = {**writing(keys(played)[0]), "Host": host}
    orders = await http.get("/v1/orders?limit=1", headers=headers)
    assert orders.status_code in {200, 400}, orders.text
    for refused in (
        await http.post("/v1/orders", json={}, headers=headers),
        await http.get("/v1/nowhere", headers=headers),
    ):
        check_refusal(refused, host)
        assert refused.status_code in {400, 404, 422}
