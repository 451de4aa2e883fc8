"""The OpenAPI document is kept: whatever is sent, the answer is one the document tells of.

Schemathesis makes requests from the document, good ones and broken ones, for every operation;
identifiers of a played road stand in half of them, so that they reach something. The short run has
one request for each operation, a good one where it reads, and of the next kind where it writes;
``SCHEMATHESIS_EXAMPLES=500`` makes a long one of it, of all kinds for each.
"""

import os
from collections import Counter
from collections.abc import Iterator
from typing import Any, Final

import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis.checks import not_a_server_error
from schemathesis.generation import GenerationMode
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from tests.journeys.conftest import Played
from tests.journeys.identifiers import identifiers

pytestmark = pytest.mark.timeout(3600)

EXAMPLES: Final = int(os.environ.get("SCHEMATHESIS_EXAMPLES", "1"))
CHECKS: Final = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
]
FATAL: Final = {"revokeApiKey", "changeMember", "changeOrganization"}
"""They could take the right from the keys that the run itself uses: here they get made-up ids."""
ENDLESS: Final = {"followAuction"}
"""They answer without end; tests/auctions/live/test_events.py reads what they send."""


def kinds(operation: Any, ids: dict[str, Any]) -> list[st.SearchStrategy[Any]]:
    """Requests for an operation: well and badly formed, to things that exist and that do not."""
    modes = (GenerationMode.POSITIVE, GenerationMode.NEGATIVE)
    made_up = [operation.as_strategy(generation_mode=mode) for mode in modes]
    names = [parameter.name for parameter in operation.path_parameters]
    if not names or operation.definition.raw["operationId"] in FATAL:
        return made_up
    real = {name: ids[name] for name in names}
    existing = [operation.as_strategy(generation_mode=m, path_parameters=real) for m in modes]
    return [*existing, *made_up]


def test_every_answer_is_one_that_the_document_tells_of(played: Played) -> None:
    road = played.spare
    ids: dict[str, Any] = {**identifiers(road, played.spare_exchanges), "line": 1}
    actors = [
        road.buyer_as("administrator"),
        road.buyer_as("purchaser"),
        road.supplier_as(road.winner),
        road.operator,
    ]
    answered: Counter[int] = Counter()

    def ask(operation: Any, number: int) -> None:
        # One example is the simplest, which is of the first kind and by the first actor.
        found = kinds(operation, ids)
        kind = 0 if operation.method == "get" else number % len(found)
        who = number // len(found) % len(actors)

        @settings(
            max_examples=EXAMPLES,
            derandomize=True,
            database=None,
            deadline=None,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        @given(
            case=st.one_of([*found[kind:], *found[:kind]]),
            actor=st.sampled_from([*actors[who:], *actors[:who]]),
        )
        def asked(case: Any, actor: Any) -> None:
            case.headers["Authorization"] = f"Bearer {actor.key}"
            answer = case.call(session=session, timeout=30)
            answered[answer.status_code] += 1
            case.validate_response(answer, checks=CHECKS)

        asked()

    document = schemathesis.openapi.from_url(f"{played.product.url}/schema/openapi.json")
    with requests.Session() as session:
        for number, found in enumerate(document.get_all_operations()):
            operation = found.ok()
            if operation.definition.raw["operationId"] not in ENDLESS:
                ask(operation, number)
    assert answered[401] < answered.total() / 10, "the keys of the run still open something"
    assert answered[200] > answered.total() / 50, "some of the requests were good ones"
    assert {400, 404, 422} < set(answered)


def schemas(value: Any, path: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    """All schemas inside of a part of the document, with where they are."""
    if isinstance(value, dict):
        if isinstance(value.get("type"), str | list):
            yield path, value
        for name, each in value.items():
            if name not in {"example", "examples"}:
                yield from schemas(each, f"{path}/{name}")
    elif isinstance(value, list):
        for number, each in enumerate(value):
            yield from schemas(each, f"{path}/{number}")


def test_whatever_has_a_pattern_says_in_words_what_it_takes(document: dict[str, Any]) -> None:
    found = [(where, s) for where, s in schemas(document) if "pattern" in s]
    assert len(found) > 50
    assert [where for where, schema in found if not schema.get("description")] == []
