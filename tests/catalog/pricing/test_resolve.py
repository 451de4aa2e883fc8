"""Which price wins: tables of cases, and any case against a slow, obviously right reference."""

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from uuid import UUID

import pytest
from msgspec import structs

from catalog.pricing.resolve import resolve, told_to_buyer
from catalog.pricing.terms import (
    AtExhaustion,
    Buyer,
    Candidate,
    Commitment,
    Ladder,
    Level,
    Measure,
    Mode,
    NoPrice,
    Policy,
    Price,
    Reason,
    Source,
    Tier,
)
from marketplace.kernel.clock import Validity, start_of_day

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


def test_the_only_contract_there_is_is_told_where_its_rest_has_no_price() -> None:
    drawn = Commitment(UUID(int=7), Measure.QUANTITY, Decimal(1), AtExhaustion.SPLIT)
    split = structs.replace(CONTRACT, commitment=drawn)
    exhausted = {"contract": "commitment_exhausted"}
    assert outcome([split], "2") == ("commitment_exhausted", exhausted)


def test_the_line_amount_uses_the_basis_of_the_winning_ladder() -> None:
    per_hundred = candidate("hundred", tiers=[("1", "25")], basis="100")
    got = resolve([per_hundred], BUYER, Decimal(3), "C62", "EUR", NOW)
    assert isinstance(got, Price)
    assert str(got.line_amount) == "0.75"


def test_of_a_split_line_and_a_price_for_the_whole_the_cheaper_is_the_best() -> None:
    """Drawing the last five at 7 would leave seven pieces at 10: dearer than twelve at 6.50."""
    left = Commitment(UUID(int=9), Measure.QUANTITY, Decimal(5), AtExhaustion.SPLIT)
    agreed = candidate("agreed", Level.CONTRACT, [("1", "7"), ("10", "6")], (COMPANY,))
    agreed = structs.replace(agreed, commitment=left)
    base = candidate("base", tiers=[("1", "10"), ("12", "6.50")])
    asked = (BUYER, Decimal(12), "C62", "EUR", NOW)
    best = resolve([agreed, base], *asked, policy=Policy.BEST_PRICE, explain=True)
    assert isinstance(best, Price)
    assert (str(best.line_amount), best.parts) == ("78.00", ())
    (loser,) = best.losers
    assert (loser.candidate, loser.reason) == (agreed, Reason.COMMITMENT_EXHAUSTED)
    by_priority = resolve([agreed, base], *asked, explain=True)
    assert isinstance(by_priority, Price)
    assert str(by_priority.line_amount) == "105.00"
    assert by_priority.losers == ()  # who prices the rest has not lost


def test_twenty_commitments_that_split_are_drawn_one_after_another_in_no_time() -> None:
    """Each step reckons its rest once: twice would be a million times for twenty."""
    drawn = [
        structs.replace(
            candidate(str(n), Level.CONTRACT, [("1", "7")], (COMPANY,), priority=n),
            commitment=Commitment(UUID(int=n), Measure.QUANTITY, Decimal(1), AtExhaustion.SPLIT),
        )
        for n in range(20)
    ]
    asked = (BUYER, Decimal(30), "C62", "EUR", NOW)
    best = resolve([*drawn, BASE], *asked, policy=Policy.BEST_PRICE)
    assert isinstance(best, Price)
    assert [str(part.quantity) for part in best.parts] == ["1"] * 20 + ["10"]


def test_losers_stand_as_they_rank() -> None:
    """Whatever an exclusive list among them ends."""
    contract = structs.replace(CONTRACT, mode=Mode.FILL_GAPS)
    quote = structs.replace(QUOTE, mode=Mode.FILL_GAPS)
    got = resolve(
        [BASE, SEGMENT, LISTED, quote, contract],
        BUYER,
        Decimal(1),
        "C62",
        "EUR",
        NOW,
        explain=True,
    )
    told = [loser.candidate.source.title for loser in got.losers]
    assert told == ["contract", "listed", "segment", "base"]
