"""Any case of a price resolution, against the slow reference, and what holds of all of them."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from catalog.pricing.resolve import resolve
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
    Source,
    Tier,
    VolumeMode,
)
from marketplace.kernel.clock import Validity
from marketplace.kernel.money import line_amount
from tests.catalog.pricing.reference import (
    PIECES,
    Told,
    assigned,
    exact,
    reference,
    rounded,
)

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
COMPANY, DIVISION, SITE, STRANGER, GOLD, SILVER = (UUID(int=n) for n in range(1, 7))
BUYER = Buyer((SITE, DIVISION, COMPANY), frozenset({GOLD}))

TICK = timedelta(microseconds=1)
# Boundaries met exactly, missed by the least there is, and far away.
instants = st.sampled_from([NOW - timedelta(days=1), NOW - TICK, NOW, NOW + TICK])
validities = st.tuples(st.none() | instants, st.none() | instants).map(
    lambda ends: Validity(*ends) if None in ends or ends[0] < ends[1] else Validity()  # type: ignore[operator]
)
quantities = st.integers(1, 12).map(Decimal)
amounts = st.decimals(0, 100, places=4)
ladders = st.builds(
    lambda tiers, basis, mode: Ladder(tuple(Tier(m, a) for m, a in sorted(tiers)), basis, mode),
    st.lists(st.tuples(quantities, amounts), min_size=1, max_size=4, unique_by=lambda t: t[0]),
    st.sampled_from([Decimal(1), Decimal(100), Decimal(5)]),
    st.sampled_from(VolumeMode),
)
commitments = (
    st.none()
    | st.none()
    | st.builds(
        Commitment,
        id=st.just(UUID(int=50)),
        measure=st.sampled_from(Measure),
        left=st.integers(0, 60).map(Decimal),
        at_exhaustion=st.sampled_from(AtExhaustion),
    )
)
policies = st.sampled_from(Policy)


@st.composite
def untied_candidates(draw: st.DrawFn) -> list[Candidate]:
    """Any candidates whose priorities are unique, as they are when written."""
    count = draw(st.integers(0, 6))
    priorities = draw(st.permutations(range(count)))
    made = []
    for number in range(count):
        ladder = draw(ladders)
        volume = ladder.volume_mode is VolumeMode.VOLUME
        made.append(
            Candidate(
                level=draw(st.sampled_from(Level)),
                source=Source("price_list", UUID(int=number), 1, f"list {number}"),
                unit=draw(st.sampled_from([PIECES, PIECES, "XBX"])),
                currency=draw(st.sampled_from(["EUR", "EUR", "JPY"])),
                ladder=ladder,
                assigned_to=draw(
                    st.sampled_from([(), (SITE,), (COMPANY, DIVISION), (STRANGER,), (GOLD,)])
                ),
                priority=priorities[number],
                mode=draw(st.sampled_from(Mode)),
                validity=draw(validities),
                # a contract's prices are volume prices; only these can be drawn down
                commitment=draw(commitments) if volume else None,
            )
        )
    return made


def told(got: Price | NoPrice) -> Told:
    if isinstance(got, NoPrice):
        return ()
    if got.parts:
        return tuple((part.candidate.source.title, part.quantity) for part in got.parts)
    return ((got.winner.source.title, got.quantity),)


@given(
    untied_candidates(),
    quantities,
    st.sampled_from([PIECES, "XBX"]),
    st.sampled_from(["EUR", "JPY"]),
    policies,
    st.randoms(),
)
def test_resolve_answers_as_the_reference_does_in_any_order(
    candidates: list[Candidate],
    quantity: Decimal,
    unit: str,
    currency: str,
    policy: Policy,
    random: object,
) -> None:
    expected = reference(candidates, BUYER, quantity, unit, currency, NOW, policy)
    asked = (BUYER, quantity, unit, currency, NOW)
    got = resolve(candidates, *asked, policy=policy, explain=True)
    random.shuffle(candidates)  # type: ignore[attr-defined]
    again = resolve(candidates, *asked, policy=policy, explain=True)
    unexplained = resolve(candidates, *asked, policy=policy)
    assert told(got) == told(again) == told(unexplained) == expected
    if isinstance(got, NoPrice):
        assert isinstance(again, NoPrice)
        assert (got.reason, got.minimum_quantity) == (again.reason, again.minimum_quantity)
        return
    by_title = {c.source.title: c for c in candidates}
    parts = [exact(by_title[title], part) for title, part in expected]
    assert got.line_amount == sum(rounded(part or 0, currency) for part in parts)  # type: ignore[arg-type]


@given(untied_candidates(), quantities, policies)
def test_an_explanation_names_every_candidate_once(
    candidates: list[Candidate], quantity: Decimal, policy: Policy
) -> None:
    got = resolve(candidates, BUYER, quantity, PIECES, "EUR", NOW, policy=policy, explain=True)
    named = [loser.candidate.source.title for loser in got.losers]
    if isinstance(got, Price):
        priced = [part.candidate for part in got.parts] or [got.winner]
        named += [candidate.source.title for candidate in priced]
    assert sorted(named) == sorted(c.source.title for c in candidates)


@given(untied_candidates(), quantities, policies)
def test_the_ladder_told_prices_every_other_quantity_as_resolve_would(
    candidates: list[Candidate], quantity: Decimal, policy: Policy
) -> None:
    plain = [
        c
        for c in candidates
        if c.commitment is None
        and (policy is Policy.PRIORITY or c.ladder.volume_mode is VolumeMode.VOLUME)
    ]
    got = resolve(plain, BUYER, quantity, PIECES, "EUR", NOW, policy=policy)
    if not isinstance(got, Price):
        return
    for other in map(Decimal, range(1, 14)):
        reached = [s for s in got.steps if s.tier.minimum_quantity <= other]
        elsewhere = resolve(plain, BUYER, other, PIECES, "EUR", NOW, policy=policy)
        if isinstance(elsewhere, NoPrice):
            assert not reached
        else:
            step = reached[-1]
            assert step.candidate.source == elsewhere.winner.source
            assert step.tier.amount == elsewhere.tier.amount


@given(untied_candidates(), quantities, policies)
def test_prices_of_others_change_nothing(
    candidates: list[Candidate], quantity: Decimal, policy: Policy
) -> None:
    own = [c for c in candidates if assigned(c, BUYER)]
    asked = (BUYER, quantity, PIECES, "EUR", NOW)
    assert resolve(candidates, *asked, policy=policy) == resolve(own, *asked, policy=policy)


@given(untied_candidates(), quantities)
def test_the_best_price_is_never_above_any_other_for_the_whole_line(
    candidates: list[Candidate], quantity: Decimal
) -> None:
    """Also not where it is a split line: its rest may be dear. A contract that stops, stops."""
    going = [
        c
        for c in candidates
        if c.commitment is None or c.commitment.at_exhaustion is not AtExhaustion.STOP
    ]
    asked = (BUYER, quantity, PIECES, "EUR", NOW)
    best = resolve(going, *asked, policy=Policy.BEST_PRICE)
    for one in going:
        alone = resolve([one], *asked)
        if isinstance(alone, Price) and not alone.parts:
            assert isinstance(best, Price)
            assert best.line_amount <= alone.line_amount


@given(ladders, quantities)
def test_a_volume_line_is_quantity_times_amount_over_basis_rounded_once(
    ladder: Ladder, quantity: Decimal
) -> None:
    volume = Ladder(ladder.tiers, ladder.basis)
    tier = volume.tier_at(quantity)
    expected = tier and line_amount(quantity, tier.amount, volume.basis, "EUR").amount
    assert volume.line_amount(quantity, PIECES, "EUR") == expected


@st.composite
def drawn_candidates(draw: st.DrawFn) -> list[Candidate]:
    """Contracts with little left to draw before, perhaps, a list: all in force for the buyer."""
    volume = ladders.map(lambda ladder: Ladder(ladder.tiers, ladder.basis))
    made = [
        Candidate(
            level=Level.CONTRACT,
            source=Source("contract", UUID(int=number), 1, f"contract {number}"),
            unit=PIECES,
            currency="EUR",
            ladder=draw(volume),
            assigned_to=(COMPANY,),
            priority=number,
            mode=Mode.FILL_GAPS,
            commitment=Commitment(
                UUID(int=number),
                draw(st.sampled_from(Measure)),
                Decimal(draw(st.integers(0, 15))),
                draw(st.sampled_from([AtExhaustion.SPLIT, *AtExhaustion])),
            ),
        )
        for number in range(draw(st.integers(1, 2)))
    ]
    if draw(st.booleans()):
        base = Source("price_list", UUID(int=9), 1, "base")
        made.append(
            Candidate(
                level=Level.BASE, source=base, unit=PIECES, currency="EUR", ladder=draw(ladders)
            )
        )
    return made


@given(drawn_candidates(), quantities, policies)
def test_what_is_left_to_draw_is_drawn_as_the_reference_does(
    candidates: list[Candidate], quantity: Decimal, policy: Policy
) -> None:
    expected = reference(candidates, BUYER, quantity, PIECES, "EUR", NOW, policy)
    got = resolve(candidates, BUYER, quantity, PIECES, "EUR", NOW, policy=policy)
    assert told(got) == expected
