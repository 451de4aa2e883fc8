"""Whole answers of the catalog, kept as long as they are true and not a moment longer.

An answer depends on the offers, lists, contracts and names in the database, and on the instant: a
price begins or ends. So it is kept with the *mark* it was made at, and with the next instant at
which one of its prices begins or ends. The mark is the number of changes committed so far to any
table the catalog reads (`catalog_changes`, counted by triggers). Every request asks Postgres for
the mark and the clock, in one round trip; if either has passed, the answer is made anew. So a
publication is visible in the next request, in every process, and nobody need be told of it.
"""

from collections import OrderedDict
from collections.abc import Hashable, Iterable
from datetime import datetime
from hashlib import sha256
from typing import Final

import msgspec
from msgspec import UnsetType

from catalog.price_lists.forms import encode
from catalog.price_lists.mark import Mark
from catalog.search.schemas import CatalogFindings, CatalogPage
from catalog.search.written_items import WrittenItem
from marketplace.kernel.limits import CATALOG_ANSWERS_BYTES_MAX

_NONE: Final = b"[]"
"""The items of an empty page, which begin it."""


class Answer(msgspec.Struct, frozen=True):
    """An answer as JSON, where the next page begins, and until when its prices are these.

    `tag` is the ETag, where there is one.
    """

    body: bytes
    next: str | None = None
    true_until: datetime | None = None
    tag: str = ""


def page_answer(
    items: Iterable[WrittenItem],
    following: str | None,
    found: CatalogFindings | UnsetType,
    true_until: datetime | None,
) -> Answer:
    """Make the answer of a page, whose ETag is of what is told and of nothing else."""
    begin, end = encode(CatalogPage(items=[], next=following, found=found)).split(_NONE, 1)
    body = b"%b[%b]%b" % (begin, b",".join([item.text for item in items]), end)
    return Answer(body, following, true_until, f'"{sha256(body).hexdigest()[:32]}"')


class CatalogAnswers:
    """Answers of this process, by who asked for what; the longest unused go first."""

    def __init__(self, bytes_max: int = CATALOG_ANSWERS_BYTES_MAX) -> None:
        self._bytes_max = bytes_max
        self._bytes = 0
        self._kept: OrderedDict[Hashable, tuple[Mark, Answer]] = OrderedDict()

    def __contains__(self, key: Hashable) -> bool:
        """Tell whether an answer to `key` is kept, be it true or not."""
        return key in self._kept

    def find(self, key: Hashable, now: Mark) -> Answer | None:
        """Give the answer to `key` if it is still true."""
        kept = self._kept.get(key)
        if kept is None:
            return None
        made, answer = kept
        over = answer.true_until is not None and now.at >= answer.true_until
        if made.changes != now.changes or now.at < made.at or over:
            self._drop(key)
            return None
        self._kept.move_to_end(key)
        return answer

    def keep(self, key: Hashable, mark: Mark, answer: Answer) -> None:
        """Keep an answer that was made after `mark` was read."""
        self._drop(key)
        size = _size(answer)
        if size > self._bytes_max:
            return
        self._kept[key] = (mark, answer)
        self._bytes += size
        while self._bytes > self._bytes_max:
            self._drop(next(iter(self._kept)))

    def _drop(self, key: Hashable) -> None:
        kept = self._kept.pop(key, None)
        if kept is not None:
            self._bytes -= _size(kept[1])


def _size(answer: Answer) -> int:
    return len(answer.body) + 500  # the key and what holds both
