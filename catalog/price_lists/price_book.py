"""The price book: what was found of offers, and of every price a buyer might have for them.

What may be a price is decided by `catalog.pricing.resolve`; here rows become its values.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime
from decimal import Decimal
from fractions import Fraction
from functools import lru_cache
from itertools import chain
from typing import Any, Final
from uuid import UUID

import msgspec

from catalog.price_lists.candidates import CONTRACT, POLICY
from catalog.price_lists.visibility import OFFER_COLUMNS
from catalog.pricing.terms import (
    ONE,
    AtExhaustion,
    Buyer,
    Candidate,
    Commitment,
    Discount,
    Ladder,
    Level,
    Measure,
    Mode,
    Policy,
    Source,
    Tier,
    VolumeMode,
    discounted,
)
from catalog.products.rules import RESTRICTED, OfferTerms
from marketplace.kernel.clock import Validity
from marketplace.kernel.events import PUBLIC
from marketplace.kernel.limits import FACES_KEPT_MAX

_WHOLE: Final = Fraction(1)
UNBOUNDED: Final = Validity()
read_tiers: Final = msgspec.json.Decoder(tuple[Tier, ...]).decode
"""Reads the tiers of a ladder."""
_VOLUME_MODES: Final = {mode.value: mode for mode in VolumeMode} | {None: VolumeMode.VOLUME}
_OFFER_END: Final = 3 + len(OFFER_COLUMNS)
_LINE_CLOCK_AT: Final = _OFFER_END
LINE_CANDIDATE_AT: Final = _OFFER_END + 1
"""Where the columns of a candidate begin in rows of lines."""


class Offer(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """An offer as a price needs it; a line of a document is called by its `name`."""

    id: UUID
    supplier_id: UUID
    sku: str
    name: str
    terms: OfferTerms
    private: bool
    is_open: bool = True
    """Everybody sees it."""
    version: int = 1


Parts = tuple[tuple[Candidate, ...], ...]


class Found(msgspec.Struct, gc=False):
    """What the book holds of one offer; `offer` is None where the buyer sees none.

    A contract may price an SKU that is not, or no longer, in the catalog: then `agreed_text` is
    what the contract calls it. Beside the candidates that were `told` are those that a process
    keeps read: `parts` are the very values kept, one of each list that has any.
    """

    offer: Offer | None
    told: list[Candidate]
    agreed_text: str = ""
    policy: Policy = Policy.PRIORITY
    parts: Parts = ()

    @property
    def candidates(self) -> list[Candidate]:
        """Give all of them."""
        return [*chain(*self.parts), *self.told] if self.parts else self.told

    @property
    def terms(self) -> OfferTerms | None:
        """Give how the offer may be ordered; None without an offer."""
        return None if self.offer is None else self.offer.terms


# Rows to values


@lru_cache(FACES_KEPT_MAX)
def one_object(identifier: UUID) -> UUID:
    """Give one object for equal identifiers: dictionaries find it without comparing numbers."""
    return identifier


def read_offer(supplier_id: UUID, sku: str, columns: Sequence[Any]) -> Offer:
    """Read the columns `OFFER_COLUMNS` of an offer."""
    (
        offer_id,
        name,
        unit,
        above,
        below,
        content_unit,
        minimum,
        multiple,
        maximum,
        lead_time_days,
        tax_category,
        audience_id,
        version,
    ) = columns
    return Offer(
        id=offer_id,
        supplier_id=one_object(supplier_id),
        sku=sku,
        name=name,
        terms=OfferTerms(
            unit=unit,
            content=_WHOLE if above == below else Fraction(above or 1, below or 1),
            content_unit=content_unit,
            minimum_quantity=minimum or ONE,
            multiple=multiple,
            maximum_quantity=maximum,
            lead_time_days=lead_time_days,
            tax_category=tax_category or "S",
        ),
        private=audience_id is not None and audience_id != RESTRICTED,
        is_open=audience_id is None,
        version=version or 1,
    )


class Face(msgspec.Struct, array_like=True):
    """What the candidates of one list, or of one contract, have in common."""

    kind: str
    source_id: UUID
    version: int
    title: str
    level: Level
    scope_id: UUID
    priority: int
    mode: Mode
    currency: str
    unit_ids: tuple[UUID, ...] = ()

    @property
    def source(self) -> Source:
        """The document."""
        return Source(self.kind, self.source_id, self.version, self.title)

    @property
    def assigned_to(self) -> tuple[UUID, ...]:
        """Whom it is for; nobody in particular where it is for everybody."""
        if self.kind == CONTRACT:
            return self.unit_ids or (self.scope_id,)
        return () if self.scope_id == PUBLIC else (self.scope_id,)


_FACE: Final = msgspec.json.Decoder(Face)


@lru_cache(FACES_KEPT_MAX)
def _read_face(described: str) -> tuple[Face, Source, tuple[UUID, ...]]:
    face = _FACE.decode(described)
    return face, face.source, face.assigned_to


def read_face(described: str) -> Face:
    """Read what the candidates of a list have in common."""
    return _read_face(described)[0]


def read_candidate(columns: Sequence[Any]) -> Candidate | None:
    """Read the columns of a candidate; None where it can never count."""
    described, begins, ends, unit, basis, volume_mode, tiers, more, _ = columns
    if begins is not None and ends is not None and begins >= ends:
        return None  # the entry lies outside of its list's own validity
    face, source, assigned_to = _read_face(described)
    candidate = Candidate(
        level=face.level,
        source=source,
        unit=unit,
        currency=face.currency,
        ladder=Ladder(read_tiers(tiers), basis or ONE, _VOLUME_MODES[volume_mode]),
        assigned_to=assigned_to,
        priority=face.priority,
        mode=face.mode,
        validity=UNBOUNDED if begins is ends is None else Validity(begins, ends),
    )
    return _with_more(candidate, more) if more else candidate


def _with_more(candidate: Candidate, more: str) -> Candidate:
    """Add what few candidates have: a commitment, or the percentage they were reckoned with."""
    if candidate.source.kind == CONTRACT:
        return msgspec.structs.replace(candidate, commitment=_COMMITMENT.decode(more).left())
    found = _DISCOUNT.decode(more)
    return msgspec.structs.replace(
        candidate,
        ladder=discounted(candidate.ladder, found.percent_off),
        discount=Discount(found.percent_off, found.of_list_id, found.of_version),
        derived=2 if found.whole_list else 1,
    )


class _Commitment(msgspec.Struct):
    price_id: UUID
    measure: Measure
    cap: Decimal
    drawn: Decimal
    at_exhaustion: AtExhaustion

    def left(self) -> Commitment:
        left = self.cap - self.drawn
        return Commitment(self.price_id, self.measure, left, self.at_exhaustion, self.cap)


class _Discount(msgspec.Struct):
    percent_off: Decimal
    of_list_id: UUID
    of_version: int
    whole_list: bool


_COMMITMENT: Final = msgspec.json.Decoder(_Commitment)
_DISCOUNT: Final = msgspec.json.Decoder(_Discount)


Listed = dict[tuple[str, int], list[Candidate]]
"""Candidates by the description of their list, and the place of the offer."""


def found_by_line(
    rows: Sequence[Any], line_count: int, listed: Listed | None = None
) -> tuple[list[Found], datetime]:
    """Gather the rows of `CANDIDATES_OF_LINES` by line; give the clock they carry too.

    Candidates of lists are put into `listed` too.
    """
    found = [Found(None, []) for _ in range(line_count)]
    suppliers: list[UUID | None] = [None] * line_count
    best: set[UUID] = set()
    clock: datetime | None = None
    for row in rows:
        place, described = row[0], row[LINE_CANDIDATE_AT]
        one = found[place - 1] if place > POLICY else None
        if one is None:
            best |= {UUID(described)} if place == POLICY else set()
        elif described is None:
            clock = row[_LINE_CLOCK_AT] or clock
            suppliers[place - 1] = row[1]
            if row[3] is not None:
                one.offer = read_offer(row[1], row[2], row[3:_OFFER_END])
        elif (candidate := read_candidate(row[LINE_CANDIDATE_AT:])) is not None:
            one.told.append(candidate)
            if listed is not None:
                listed.setdefault((described, place), []).append(candidate)
            one.agreed_text = one.agreed_text or row[-1] or ""
    if clock is None:
        msg = "a statement of lines gives a row for each"
        raise ValueError(msg)
    if best:
        for one, supplier_id in zip(found, suppliers, strict=True):
            one.policy = Policy.BEST_PRICE if supplier_id in best else Policy.PRIORITY
    return found, clock


def buyer_of(path: tuple[UUID, ...], candidates: Iterable[Candidate]) -> Buyer:
    """Give the buyer of a path (acting unit first, company last) for whom these were found.

    The segments that matter are those whose lists the statement gave: it asks for his own alone,
    and row security gives no others.
    """
    segments = (each.assigned_to for each in candidates if each.level is Level.SEGMENT)
    return Buyer(path, frozenset(scope for scopes in segments for scope in scopes))
