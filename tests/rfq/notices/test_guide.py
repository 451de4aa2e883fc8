"""The guide to notices names what a report and a refusal may say, and nothing else."""

import re
from pathlib import Path

from tests.rfq.notices.variety import refused, taken

REPOSITORY = Path(__file__).parents[3]
GUIDE = (REPOSITORY / "docs/notices.md").read_text(encoding="utf-8")
SOURCES = "\n".join(
    each.read_text(encoding="utf-8") for each in (REPOSITORY / "rfq/rules/notices").glob("*.py")
)


def explained(heading: str) -> set[str]:
    """The codes in the first column of the table below a heading."""
    section = GUIDE.split(f"## {heading}", 1)[1].split("\n## ", 1)[0]
    rows = [line for line in section.splitlines() if line.startswith("| `")]
    return {code for row in rows for code in re.findall(r"`([a-z_]+)`", row.split("|")[1])}


def test_every_decision_is_explained() -> None:
    known = explained("What is left to decide")
    assert {code for _, _, codes in taken() for code in codes} <= known
    assert {code for code in known if f'"{code}"' not in SOURCES} == set()


def test_every_reason_of_a_refusal_is_explained() -> None:
    known = explained("When it is refused")
    assert {code for _, _, codes in refused() for code in codes} <= known
    assert {code for code in known if f'"{code}"' not in SOURCES} == set()


def test_every_code_of_the_rules_is_explained() -> None:
    given = re.findall(r'(?:decide\(|fault\([^"()]*|invalid\("", )\s*"([a-z_]+)"', SOURCES)
    assert len(given) > 40
    assert set(given) <= explained("What is left to decide") | explained("When it is refused")
