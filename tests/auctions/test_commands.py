from pathlib import Path

import msgspec
import pytest
from click.testing import CliRunner, Result

from auctions.commands import verify_auction
from auctions.engine.log import LogEntry
from auctions.engine.visibility import OWNER
from tests.auctions.engine.lots import ACME
from tests.auctions.engine.test_log import a_lot, copy_for, with_document


def run(tmp_path: Path, entries: list[LogEntry], *arguments: str) -> Result:
    pages = [entries[:4], entries[4:]]
    names = []
    for number, items in enumerate(pages):
        path = tmp_path / f"{number}.json"
        path.write_bytes(msgspec.json.encode({"head": entries[-1].hash, "items": items}))
        names.append(str(path))
    return CliRunner().invoke(verify_auction, [*names, *arguments])


def test_the_buyers_copy_gives_the_ranking_again(tmp_path: Path) -> None:
    result = run(tmp_path, copy_for(a_lot(), OWNER))
    assert result.exit_code == 0, result.output
    assert "every decision follows" in result.output
    assert f"3. {ACME}  900 EUR" in result.output


def test_a_bidders_copy_says_what_stays_closed(tmp_path: Path) -> None:
    result = run(tmp_path, copy_for(a_lot(), ACME))
    assert result.exit_code == 0, result.output
    assert "decisions not made again" in result.output


def test_a_bent_log_is_named_with_its_entry(tmp_path: Path) -> None:
    entries = copy_for(a_lot(), OWNER)
    entries[6] = with_document(entries[6], at="2026-03-02T12:00:01.000000Z")
    result = run(tmp_path, entries)
    assert result.exit_code == 1
    assert "does not fit at entry 7" in result.output


def test_a_log_cut_short_is_found_by_a_head_from_elsewhere(tmp_path: Path) -> None:
    entries = copy_for(a_lot(), OWNER)
    result = run(tmp_path, entries[:-1], "--head", entries[-1].hash)
    assert result.exit_code == 1


@pytest.mark.parametrize("content", ["{}", "no json"])
def test_a_file_that_is_no_log_is_refused_in_words(tmp_path: Path, content: str) -> None:
    path = tmp_path / "x.json"
    path.write_text(content)
    result = CliRunner().invoke(verify_auction, [str(path)])
    assert result.exit_code == 1
    assert "no page of an auction's log" in result.output
