"""Every bound stands in one place, with its reason, and something is bounded by it."""

import ast
import re
from pathlib import Path

from marketplace.kernel import limits

PACKAGES = ("marketplace", "catalog", "rfq", "auctions")
NAMES = [name for name in vars(limits) if name.isupper()]


def test_each_limit_bounds_something() -> None:
    root = Path(__file__).parents[2]
    files = [file for package in PACKAGES for file in (root / package).rglob("*.py")]
    own = Path(limits.__file__)
    used: set[str] = set()
    for file in files:
        words = re.findall(r"\b[A-Z][A-Z_0-9]+\b", file.read_text())
        # Where they are made, each stands once; one that others are made of stands there again.
        used |= {word for word in words if file != own or words.count(word) > 1}
    assert [name for name in NAMES if name not in used] == []


def test_each_limit_has_a_reason_behind_it_or_behind_those_that_follow_at_once() -> None:
    statements = ast.parse(Path(limits.__file__).read_text()).body
    reasons = [isinstance(each, ast.Expr) for each in statements]
    group: list[str] = []
    for statement, is_reason in zip(statements, reasons, strict=True):
        if is_reason:
            group = []
        elif isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name):
            group.append(statement.target.id)
            assert len(group) <= 3, group
    assert group == []
