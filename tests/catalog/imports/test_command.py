"""`marketplace import FILE` uploads, shows how far it is, and says what was wrong."""

from pathlib import Path
from typing import Any

import httpx
import pytest
from click.testing import CliRunner
from rich.console import Console

from catalog.imports import commands
from marketplace.cli import main


class Server:
    """Answers like the API: queued, twice running, then the end."""

    def __init__(self, end: dict[str, Any]) -> None:
        self.body = b""
        self.asked: list[httpx.Request] = []
        view = {"id": "7", "rows_read": 0, "progress": {"done": 0, "total": 10}, "dry_run": False}
        half = {"rows_read": 5, "rows_total_estimated": 10, "progress": {"done": 5, "total": 10}}
        self.views = [
            {**view, "status": "queued", "phase": "waiting"},
            {**view, **half, "status": "running", "phase": "reading"},
            {**view, **half, "status": "running", "phase": "writing"},
            {**view, **half, "phase": "finished", "errors": [], "error_count": 0, **end},
        ]

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(request)
        if request.method == "POST":
            self.body = request.read()
            return httpx.Response(202, json=self.views.pop(0))
        return httpx.Response(200, json=self.views.pop(0))


@pytest.fixture
def file(tmp_path: Path) -> Path:
    made = tmp_path / "offers.csv"
    made.write_bytes(b"sku,name,unit\nA,Bolt,C62\n" * 20_000)
    return made


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(commands, "POLL_SECONDS", 0)


def served(server: Server) -> httpx.Client:
    return httpx.Client(base_url="http://api", transport=httpx.MockTransport(server))


def test_a_file_is_streamed_up_and_followed_to_its_end(file: Path) -> None:
    server = Server({"status": "done", "result": {"created": 1}})
    console = Console(record=True, width=150, force_terminal=True)
    with served(server) as http:
        done = commands.run(http, file, {"kind": "offers"}, console)
    assert server.body == file.read_bytes()
    assert dict(server.asked[0].url.params) == {"kind": "offers"}
    assert [request.url.path for request in server.asked[1:]] == ["/v1/imports/7"] * 3
    assert done["result"] == {"created": 1}
    shown = console.export_text()
    assert "uploading" in shown
    assert "5 of about 10 rows" in shown


def test_what_is_wrong_is_told_and_the_command_fails(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wrong = {"line": 3, "column": "unit", "code": "x", "detail": "Use a code.", "value": "FOO"}
    server = Server({"status": "failed", "errors": [wrong], "error_count": 1, "result": None})
    http = served(server)
    monkeypatch.setattr(commands.httpx, "Client", lambda **_: http)
    ran = CliRunner().invoke(
        main, ["import", str(file), "--kind", "offers", "--key", "k", "--dry-run"]
    )
    assert ran.exit_code == 1
    assert "line 3, unit: Use a code. ('FOO')" in ran.output
    assert "nothing was written" in ran.output
    assert server.asked[0].url.params["dry_run"] == "true"


def test_a_refusal_of_the_api_is_told_in_its_words(file: Path) -> None:
    def refuse(_request: httpx.Request) -> httpx.Response:
        errors = [{"pointer": "?price_list_id", "detail": "Say which list."}]
        return httpx.Response(422, json={"detail": "Missing.", "errors": errors})

    http = httpx.Client(base_url="http://api", transport=httpx.MockTransport(refuse))
    with http, pytest.raises(commands.ImportFailed, match="Say which list"):
        commands.run(http, file, {"kind": "prices"}, Console(quiet=True))
