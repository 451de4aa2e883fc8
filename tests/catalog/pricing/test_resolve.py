"""Which price wins: tables of cases, and any case against a slow, obviously right reference."""

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from itertools import groupby
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from catalog.pricing.resolve import resolve, told_to_buyer
from catalog.pricing.terms import (
    Buyer,
    Candidate,
    Ladder,
    Level,
    Mode,
    NoPrice,
    Price,
    Reason,
    Source,
    Tier,
    VolumeMode,
)
from marketplace.kernel.clock import Validity, start_of_day
from marketplace.kernel.money import line_amount

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
TICK = timedelta(microseconds=1)
COMPANY, DIVISION, SITE, STRANGER, GOLD, SILVER = (UUID(int=n) for n in range(1, 7))
BUYER = Buyer((SITE, DIVISION, COMPANY), frozenset({GOLD}))


def candidate(
    name: str,
    level: Level = Level.BASE,
    tiers: Sequence[tuple[str, str]] = (("1", "10"),),
    to: tuple[UUID, ...] = (),
    priority: int = 0,
    mode: Mode = Mode.EXCLUSIVE,
    validity: Validity | None = None,
    *,
    unit: str = "C62",
    currency: str = "EUR",
    basis: str = "1",
) -> Candidate:
    return Candidate(
        level=level,
        source=Source("price_list", UUID(int=100), 1, name),
        unit=unit,
        currency=currency,
        ladder=Ladder(tuple(Tier(Decimal(m), Decimal(a)) for m, a in tiers), Decimal(basis)),
        assigned_to=to,
        priority=priority,
        mode=mode,
        validity=validity or Validity(),
    )


def outcome(
    candidates: Sequence[Candidate], quantity: str = "1", at: datetime = NOW, **line: str
) -> tuple[str, dict[str, str]]:
    """Give the winner's name (or the reason why there is none) and each loser's reason."""
    unit, currency = line.get("unit", "C62"), line.get("currency", "EUR")
    got = resolve(candidates, BUYER, Decimal(quantity), unit, currency, at, explain=True)
    losers = {loser.candidate.source.title: loser.reason.value for loser in got.losers}
    return (got.winner.source.title if isinstance(got, Price) else got.reason.value), losers


BASE = candidate("base")
LISTED = candidate("listed", Level.ORGANIZATION, [("1", "9")], (COMPANY,))
SITE_LIST = candidate("site", Level.ORGANIZATION, [("1", "9.5")], (SITE,))
CONTRACT = candidate("contract", Level.CONTRACT, [("1", "11")], (COMPANY,))
SEGMENT = candidate("segment", Level.SEGMENT, [("1", "8")], (GOLD, SILVER))
QUOTE = candidate("quote", Level.QUOTE, [("1", "12")], (DIVISION,))


@pytest.mark.parametrize(
    ("candidates", "winner", "losers"),
    [
        ([], "no_price", {}),
        ([BASE], "base", {}),
        ([BASE, SEGMENT], "segment", {"base": "shadowed_by_level"}),
        ([BASE, LISTED], "listed", {"base": "shadowed_by_level"}),
        ([LISTED, SEGMENT], "listed", {"segment": "shadowed_by_level"}),
        # a contract counts though the list below it is cheaper: as agreed
        ([LISTED, CONTRACT], "contract", {"listed": "shadowed_by_level"}),
        ([CONTRACT, QUOTE], "quote", {"contract": "shadowed_by_level"}),
        # the buying unit before its ancestors, whatever the priority
        (
            [candidate("high", Level.ORGANIZATION, to=(COMPANY,), priority=9), SITE_LIST],
            "site",
            {"high": "shadowed_by_level"},
        ),
        (
            [LISTED, candidate("promotion", Level.ORGANIZATION, to=(COMPANY,), priority=1)],
            "promotion",
            {"listed": "shadowed_by_priority"},
        ),
        (
            [candidate("theirs", Level.ORGANIZATION, to=(STRANGER,)), BASE],
            "base",
            {"theirs": "not_assigned"},
        ),
        (
            [candidate("silver", Level.SEGMENT, to=(SILVER,))],
            "no_price",
            {"silver": "not_assigned"},
        ),
        # a segment of the buyer is not an organization of his path, and the other way round
        ([candidate("x", Level.SEGMENT, to=(COMPANY,))], "no_price", {"x": "not_assigned"}),
        ([candidate("x", Level.ORGANIZATION, to=(GOLD,))], "no_price", {"x": "not_assigned"}),
    ],
)
def test_the_best_level_then_depth_then_priority_wins(
    candidates: list[Candidate], winner: str, losers: dict[str, str]
) -> None:
    assert outcome(candidates) == (winner, losers)
    assert outcome(candidates[::-1]) == (winner, losers)


def test_an_equal_rank_is_never_decided_by_amount_or_order() -> None:
    twins = [LISTED, candidate("twin", Level.ORGANIZATION, [("1", "1")], (COMPANY,))]
    assert outcome(twins)[0] == "ambiguous"
    assert outcome(twins[::-1])[0] == "ambiguous"
    assert outcome([*twins, CONTRACT])[0] == "contract"


@pytest.mark.parametrize(
    ("at", "winner"),
    [
        (NOW - TICK, "first"),
        (NOW, "second"),  # the end of one is the beginning of the next, and no instant has two
        (NOW + timedelta(days=1) - TICK, "second"),
        (NOW + timedelta(days=1), "expired"),
    ],
)
def test_validity_is_half_open(at: datetime, winner: str) -> None:
    first = candidate("first", validity=Validity(NOW - timedelta(days=1), NOW))
    second = candidate("second", validity=Validity(NOW, NOW + timedelta(days=1)))
    assert outcome([first, second], at=at)[0] == winner


def test_a_price_that_begins_later_is_told_as_not_yet_valid() -> None:
    later = candidate("later", validity=Validity(NOW + TICK))
    assert outcome([later]) == ("not_yet_valid", {"later": "not_yet_valid"})


def test_a_contract_begins_at_midnight_of_its_own_time_zone() -> None:
    begins = start_of_day(date(2026, 3, 1), "Asia/Tokyo")
    contract = candidate("contract", Level.CONTRACT, to=(COMPANY,), validity=Validity(begins))
    assert begins == datetime(2026, 2, 28, 15, tzinfo=UTC)
    assert outcome([contract, BASE], at=begins - TICK)[0] == "base"
    assert outcome([contract, BASE], at=begins)[0] == "contract"


def test_below_the_first_tier_there_is_no_price_and_the_answer_says_where_prices_begin() -> None:
    bulk = candidate("bulk", tiers=[("10", "8")])
    got = resolve([bulk], BUYER, Decimal(9), "C62", "EUR", NOW)
    assert got == NoPrice(reason=Reason.BELOW_MINIMUM_QUANTITY, minimum_quantity=Decimal(10))


@pytest.mark.parametrize(
    ("mode", "line", "winner", "losers"),
    [
        # exclusive: it prices the offer, so nothing below counts
        ("exclusive", {"quantity": "9"}, "below_minimum_quantity", {"base": "shadowed_by_level"}),
        ("exclusive", {"unit": "XBX"}, "wrong_unit", {"boxes": "shadowed_by_level"}),
        ("exclusive", {"currency": "USD"}, "wrong_currency", {"dollars": "shadowed_by_level"}),
        ("fill_gaps", {"quantity": "9"}, "base", {"listed": "below_minimum_quantity"}),
        ("fill_gaps", {"quantity": "10"}, "listed", {"base": "shadowed_by_level"}),
        ("fill_gaps", {"unit": "XBX"}, "boxes", {"listed": "wrong_unit"}),
        ("fill_gaps", {"currency": "USD"}, "dollars", {"listed": "wrong_currency"}),
    ],
)
def test_a_list_is_exclusive_or_lets_lower_levels_fill_its_gaps(
    mode: str, line: dict[str, str], winner: str, losers: dict[str, str]
) -> None:
    candidates = [
        candidate("listed", Level.ORGANIZATION, [("10", "8")], (COMPANY,), mode=Mode(mode)),
        candidate("base", priority=2),
        candidate("boxes", unit="XBX", priority=1),
        candidate("dollars", currency="USD"),
    ]
    got, lost = outcome(candidates, **line)
    assert got == winner
    assert losers.items() <= lost.items()


def test_an_exclusive_list_that_is_not_in_force_blocks_nothing() -> None:
    over = candidate("over", Level.ORGANIZATION, to=(COMPANY,), validity=Validity(None, NOW))
    assert outcome([over, BASE]) == ("base", {"over": "expired"})


def test_inside_one_level_a_lower_priority_answers_what_the_higher_does_not_price() -> None:
    bulk = candidate("bulk", Level.ORGANIZATION, [("100", "7")], (COMPANY,), priority=5)
    assert outcome([bulk, LISTED, BASE], "99")[0] == "listed"
    assert outcome([bulk, LISTED, BASE], "100")[0] == "bulk"


def test_the_ladder_told_is_the_one_the_buyer_has() -> None:
    better = candidate(
        "better", Level.ORGANIZATION, [("100", "8"), ("200", "7.5")], (COMPANY,), 0, Mode.FILL_GAPS
    )
    base = candidate("base", tiers=[("1", "10"), ("50", "9"), ("500", "7")])
    got = resolve([better, base], BUYER, Decimal(60), "C62", "EUR", NOW)
    assert isinstance(got, Price)
    told = [(str(s.tier.minimum_quantity), s.candidate.source.title) for s in got.steps]
    assert told == [("1", "base"), ("50", "base"), ("100", "better"), ("200", "better")]
    assert got.next_step is not None
    assert got.next_step.tier.amount == Decimal(8)


def test_what_others_pay_is_not_told_to_a_buyer() -> None:
    theirs = candidate("theirs", Level.ORGANIZATION, to=(STRANGER,))
    got = resolve([theirs, BASE, LISTED], BUYER, Decimal(1), "C62", "EUR", NOW, explain=True)
    assert [x.candidate.source.title for x in told_to_buyer(got.losers)] == ["base"]


def test_losers_are_told_on_request_only() -> None:
    assert resolve([BASE, LISTED], BUYER, Decimal(1), "C62", "EUR", NOW).losers == ()


def test_the_line_amount_uses_the_basis_of_the_winning_ladder() -> None:
    per_hundred = candidate("hundred", tiers=[("1", "25")], basis="100")
    got = resolve([per_hundred], BUYER, Decimal(3), "C62", "EUR", NOW)
    assert isinstance(got, Price)
    assert str(got.line_amount) == "0.75"


# --- any case against a reference -------------------------------------------------------------

instants = st.integers(-2, 2).map(lambda days: NOW + timedelta(days=days))
validities = st.tuples(st.none() | instants, st.none() | instants).map(
    lambda ends: Validity(*ends) if None in ends or ends[0] < ends[1] else Validity()  # type: ignore[operator]
)
quantities = st.integers(1, 12).map(Decimal)
amounts = st.decimals(0, 100, places=4)
ladders = st.builds(
    lambda tiers, basis, mode: Ladder(tuple(Tier(m, a) for m, a in sorted(tiers)), basis, mode),
    st.lists(st.tuples(quantities, amounts), min_size=1, max_size=4, unique_by=lambda t: t[0]),
    st.sampled_from([Decimal(1), Decimal(100), Decimal(3)]),
    st.sampled_from(VolumeMode),
)


@st.composite
def untied_candidates(draw: st.DrawFn) -> list[Candidate]:
    """Any candidates whose priorities are unique, as they are when written."""
    count = draw(st.integers(0, 6))
    priorities = draw(st.permutations(range(count)))
    return [
        Candidate(
            level=draw(st.sampled_from(Level)),
            source=Source("price_list", UUID(int=number), 1, f"list {number}"),
            unit=draw(st.sampled_from(["C62", "C62", "XBX"])),
            currency=draw(st.sampled_from(["EUR", "EUR", "JPY"])),
            ladder=draw(ladders),
            assigned_to=draw(
                st.sampled_from([(), (SITE,), (COMPANY, DIVISION), (STRANGER,), (GOLD,)])
            ),
            priority=priorities[number],
            mode=draw(st.sampled_from(Mode)),
            validity=draw(validities),
        )
        for number in range(count)
    ]


def mine(c: Candidate, buyer: Buyer) -> bool:
    own = buyer.segments if c.level is Level.SEGMENT else set(buyer.path)
    return not c.assigned_to or bool(own & set(c.assigned_to))


def reference(candidates: list[Candidate], buyer: Buyer, quantity: Decimal) -> Candidate | None:
    """Walk the levels one by one, as the design says it, with no thought of speed."""
    eligible = [c for c in candidates if mine(c, buyer) and c.validity.contains(NOW)]

    def step(c: Candidate) -> tuple[int, int]:
        near = 0
        if c.assigned_to and c.level is not Level.SEGMENT:
            near = min(i for i, unit in enumerate(buyer.path) if unit in c.assigned_to)
        return list(Level).index(c.level), near

    for _, same_step in groupby(sorted(eligible, key=step), key=step):
        members = sorted(same_step, key=lambda c: c.priority, reverse=True)
        for c in members:
            reaches = any(tier.minimum_quantity <= quantity for tier in c.ladder.tiers)
            if c.unit == "C62" and c.currency == "EUR" and reaches:
                return c
        if any(c.mode is Mode.EXCLUSIVE for c in members):
            return None
    return None


@given(untied_candidates(), quantities, st.randoms())
def test_resolve_answers_as_the_reference_does_in_any_order(
    candidates: list[Candidate], quantity: Decimal, random: object
) -> None:
    expected = reference(candidates, BUYER, quantity)
    got = resolve(candidates, BUYER, quantity, "C62", "EUR", NOW, explain=True)
    random.shuffle(candidates)  # type: ignore[attr-defined]
    again = resolve(candidates, BUYER, quantity, "C62", "EUR", NOW, explain=True)
    assert (got.winner if isinstance(got, Price) else None) == expected
    assert (again.winner if isinstance(again, Price) else None) == expected
    assert len(got.losers) + (expected is not None) == len(candidates)
    if isinstance(got, NoPrice) and isinstance(again, NoPrice):
        assert (got.reason, got.minimum_quantity) == (again.reason, again.minimum_quantity)


@given(untied_candidates(), quantities)
def test_the_ladder_told_prices_every_other_quantity_as_resolve_would(
    candidates: list[Candidate], quantity: Decimal
) -> None:
    got = resolve(candidates, BUYER, quantity, "C62", "EUR", NOW)
    if not isinstance(got, Price):
        return
    for other in map(Decimal, range(1, 14)):
        reached = [s for s in got.steps if s.tier.minimum_quantity <= other]
        elsewhere = resolve(candidates, BUYER, other, "C62", "EUR", NOW)
        assert (reached[-1].tier if reached else None) == (
            elsewhere.tier if isinstance(elsewhere, Price) else None
        )


@given(untied_candidates(), quantities)
def test_prices_of_others_change_nothing(candidates: list[Candidate], quantity: Decimal) -> None:
    own = [c for c in candidates if mine(c, BUYER)]
    with_others = resolve(candidates, BUYER, quantity, "C62", "EUR", NOW)
    assert with_others == resolve(own, BUYER, quantity, "C62", "EUR", NOW)


@given(ladders, quantities)
def test_a_volume_line_is_quantity_times_amount_over_basis_rounded_once(
    ladder: Ladder, quantity: Decimal
) -> None:
    volume = Ladder(ladder.tiers, ladder.basis)
    tier = volume.tier_at(quantity)
    expected = tier and line_amount(quantity, tier.amount, volume.basis, "EUR").amount
    assert volume.line_amount(quantity, "C62", "EUR") == expected
