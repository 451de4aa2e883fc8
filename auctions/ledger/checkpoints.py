"""States kept now and then, so that nobody has to fold a whole log to know where a lot stands.

A checkpoint is never the truth: it counts only if the entry it claims to be the state after is in
the log, and only for the code that wrote it. Another release folds the log anew.
"""

import hashlib
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Final
from uuid import UUID

from auctions import engine
from auctions.engine.state import LotState
from auctions.ledger.connection import fetch
from auctions.ledger.head import Head, head_of

ENTRIES_APART: Final = 32
"""Entries from one checkpoint to the next, at least: half a millisecond of folding."""
BIDDERS_APART: Final = 4
"""And so many for each bidder: a state grows by them, and costs about 20 bytes a bid that way."""


def _fingerprint(files: Iterable[Path]) -> bytes:
    digest = hashlib.sha256()
    for file in sorted(files):
        digest.update(file.read_bytes())
    return digest.digest()


FORM: Final = _fingerprint(
    [
        *Path(engine.__file__).parent.rglob("*.py"),
        *(Path(__file__).parents[1] / name for name in ("entries.py", "ledger/head.py")),
    ]
)
"""Of the code that makes states of entries. A change that somebody forgot to name would make states
that no log leads to, so the code names itself."""


def is_due(before: int, state: LotState) -> bool:
    """Tell whether a state is to be kept, when the log was at entry `before` a batch ago."""
    apart = max(ENTRIES_APART, BIDDERS_APART * len(state.roster))
    return before // apart != state.seq // apart


async def read_checkpoints(connection: Any, lot_ids: Sequence[UUID]) -> dict[UUID, Head]:
    """Give what was kept of these lots by this code; it has to be compared with the log."""
    if not lot_ids:
        return {}
    kept = {}
    for row in await fetch(connection, _READ, lot_ids, FORM):
        head = head_of(row["state"])
        if head is not None:
            kept[row["lot_id"]] = head
    return kept


_READ: Final = "select lot_id, state from auction_checkpoints where lot_id = any($1) and form = $2"
