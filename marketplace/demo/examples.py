"""The examples of the API documentation, from a played road.

What differs from run to run (identifiers, instants, hashes, keys) is replaced by stand-ins in the
order of appearance, so that examples change only when the API does. They go to
`marketplace/platform/http/examples.json`, from where the OpenAPI document takes them, and into the
marked places of `docs/api-guide.md`.
"""

import json
import re
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any, Final

from marketplace.demo.story import Exchange
from marketplace.platform.http.openapi import EXAMPLES

_EPOCH: Final = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)
_ITEMS_SHOWN: Final = 2
_UUID: Final = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
_INSTANT: Final = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)")
_DATE: Final = re.compile(r"\d{4}-\d\d-\d\d")
_HEX: Final = re.compile(r"[0-9a-f]{40,}")
_KEY: Final = re.compile(r"mk_[A-Za-z0-9_-]+")
_MARK: Final = re.compile(r"<!-- example: (\w+) -->.*?<!-- end -->", re.DOTALL)


class Standins:
    """Replaces what differs from run to run, the same by the same."""

    def __init__(self, exchanges: Mapping[str, Exchange]) -> None:
        text = json.dumps([_plain(exchange) for exchange in exchanges.values()])
        instants = sorted({m[0] for m in _INSTANT.finditer(text)}, key=datetime.fromisoformat)
        self._instants = {
            instant: (_EPOCH + timedelta(seconds=number)).isoformat().replace("+00:00", "Z")
            for number, instant in enumerate(instants)
        }
        days = sorted(set(_DATE.findall(_INSTANT.sub("", text))))
        first = date.fromisoformat(days[0]) if days else _EPOCH.date()
        self._days = {
            day: (_EPOCH.date() + (date.fromisoformat(day) - first)).isoformat() for day in days
        }
        self._numbers: dict[str, int] = {}

    def replaced(self, value: Any) -> Any:
        """Give the value with stand-ins, lists shortened."""
        if isinstance(value, dict):
            return {name: self._field(name, item) for name, item in value.items()}
        if isinstance(value, list):
            return [self.replaced(item) for item in value[:_ITEMS_SHOWN]]
        if isinstance(value, str):
            return self.text(value)
        return value

    def _field(self, name: str, value: Any) -> Any:
        if name in {"next", "signature", "signing_key", "sealing_key"} and isinstance(value, str):
            return f"{name}-{self._number(name + value)}"
        return self.replaced(value)

    def _number(self, what: str) -> int:
        return self._numbers.setdefault(what, len(self._numbers) + 1)

    def text(self, text: str) -> str:
        """Replace inside of a text."""
        text = _INSTANT.sub(lambda m: self._instants.get(m[0], m[0]), text)
        if _DATE.fullmatch(text):
            return self._days.get(text, text)
        text = _UUID.sub(lambda m: f"019b8c4e-0000-7000-8000-{self._number(m[0]):012x}", text)
        text = _KEY.sub("mk_example", text)
        return _HEX.sub(lambda m: f"{self._number(m[0]):04x}" * (len(m[0]) // 4), text)


def _plain(exchange: Exchange) -> Any:
    return [exchange.path, dict(exchange.headers), exchange.body, exchange.answer]


def examples_of(exchanges: Mapping[str, Exchange]) -> dict[str, Any]:
    """Give the examples by operation id: request and answer with stand-ins."""
    standins = Standins(exchanges)
    return {
        name: {
            "method": exchange.method,
            "path": standins.text(exchange.path),
            "headers": {k: standins.text(v) for k, v in exchange.headers.items()},
            "body": standins.replaced(exchange.body),
            "status": exchange.status,
            "answer": standins.replaced(exchange.answer),
        }
        for name, exchange in exchanges.items()
    }


def shape(value: Any) -> Any:
    """Give what must not differ between two runs: names, nesting and kinds, not values."""
    if isinstance(value, dict):
        return {name: shape(item) for name, item in sorted(value.items())}
    if isinstance(value, list):
        return [shape(value[0])] if value else []
    return "null" if value is None else type(value).__name__


def write_examples(path: Path, examples: Mapping[str, Any]) -> None:
    """Write the file the OpenAPI document reads."""
    path.write_text(json.dumps(examples, indent=1, ensure_ascii=False) + "\n")


def write_documentation(exchanges: Mapping[str, Exchange]) -> list[Path]:
    """Write the examples of a played road to where they are shown; give the files."""
    examples = examples_of(exchanges)
    write_examples(EXAMPLES, examples)
    guide = EXAMPLES.parents[3] / "docs" / "api-guide.md"
    guide.write_text(filled_guide(guide.read_text(), examples))
    return [EXAMPLES, guide]


def filled_guide(text: str, examples: Mapping[str, Any]) -> str:
    """Fill the marked places of the guide; raises KeyError for an example nobody recorded."""

    def fill(match: re.Match[str]) -> str:
        name = match[1]
        return f"<!-- example: {name} -->\n{_shown(examples[name])}\n<!-- end -->"

    return _MARK.sub(fill, text)


def _shown(example: Mapping[str, Any]) -> str:
    lines = ["```http", f"{example['method']} {example['path']}"]
    lines += [f"{name}: {value}" for name, value in example["headers"].items()]
    if example["body"] is not None:
        lines += ["", _text(example["body"])]
    lines += ["```", "", "```http", f"{example['status']}", "", _text(example["answer"]), "```"]
    return "\n".join(lines)


def _text(value: Any) -> str:
    if isinstance(value, str):
        return value.rstrip("\n")
    return json.dumps(value, indent=2, ensure_ascii=False)
