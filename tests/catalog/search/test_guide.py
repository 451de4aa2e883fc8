"""The guide for buyers asks for operations and parameters that there are."""

import json
import re
from urllib.parse import parse_qsl, urlsplit

from tests.conftest import REPOSITORY

_BLOCK = re.compile(r"```http\n(.*?)```", re.DOTALL)


def test_every_request_of_the_guide_is_an_operation_with_these_parameters() -> None:
    paths = json.loads((REPOSITORY / "docs" / "openapi.json").read_text())["paths"]
    guide = (REPOSITORY / "docs" / "buying.md").read_text()
    requests = [line for block in _BLOCK.findall(guide) for line in block.splitlines()]
    assert len(requests) > 10
    for request in requests:
        method, _, target = request.partition(" ")
        asked = urlsplit(target)
        operation = paths[asked.path][method.lower()]
        known = {each["name"] for each in operation.get("parameters", ())}
        assert {name for name, _ in parse_qsl(asked.query)} <= known, request
