"""Variants: where they are taken, what stands beside them, and how they are ranked."""

from dataclasses import replace
from decimal import Decimal
from typing import Any
from uuid import UUID

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from marketplace.kernel.errors import Conflict, InvalidInput, StaleVersion, WrongState
from marketplace.kernel.limits import VARIANTS_MAX
from rfq.rules import variant_decisions, variants
from rfq.rules.awarding import Awarding, Division
from rfq.rules.bid import check_bid
from rfq.rules.conditions import Conditions, VolumeDiscount
from rfq.rules.criteria import LOWEST_PRICE
from rfq.rules.evaluation import Final, Offer, finals, leading, ranked
from rfq.rules.offering import Item, Offering
from rfq.rules.procedure import Kind, LotStatus, Openness, Procedure, Status
from rfq.rules.publication import check_terms
from rfq.rules.receipt import Receipt
from rfq.rules.sealing import Place, commitment, new_procedure_key, seal, unseal
from rfq.rules.variants import (
    MAIN,
    MinimumRequirement,
    OpenedVariant,
    Variant,
    VariantPolicy,
    Variants,
)
from tests.rfq.rules.cases import DEADLINE, OFFICE, PAPER, TONER, bid, price, priced
from tests.rfq.rules.cases import procedure as any_procedure

RECYCLED = Variant(label="Recycled", description="Paper of 100 % recovered fibre.")
LIFE = MinimumRequirement(code="LIFE", text="Readable for ten years.")
WHITE = MinimumRequirement(code="WHITE", text="At least ISO 80.")
TAKEN = Variants(most=2, requirements=(LIFE, WHITE))


def procedure(terms: Variants | None = TAKEN, **others: Any) -> Procedure:
    made = any_procedure(status=Status.DRAFT)
    return replace(made, **{"offering": Offering(variants=terms), **others})


def refused(terms: Procedure) -> list[tuple[str, str]]:
    with pytest.raises(InvalidInput) as found:
        check_terms(terms)
    return [(each.pointer, each.code) for each in found.value.errors]


def test_terms_say_how_many_variants_are_taken_and_what_each_meets() -> None:
    check_terms(procedure())
    assert refused(procedure(Variants())) == [("/variants/minimum_requirements", "count")]
    for most in (0, VARIANTS_MAX + 1):
        terms = Variants(most=most, requirements=(LIFE,))
        assert refused(procedure(terms)) == [("/variants/most", "out_of_range")]
    twice = Variants(requirements=(LIFE, LIFE))
    assert refused(procedure(twice)) == [("/variants/minimum_requirements/1/code", "twice")]


def test_where_an_offer_is_not_one_whole_variants_are_refused_with_the_reason() -> None:
    under = Offering(variants=TAKEN, framework_id=UUID(int=7))
    asked = Offering(variants=TAKEN, questionnaire=(Item(code="A", prompt="?"),))
    for others, code in (
        ({"awarding": Awarding(Division.LINES)}, "by_line"),
        ({"offering": under, "openness": Openness.MEMBERS}, "framework"),
        ({"offering": asked, "kind": Kind.RFI, "lots": ()}, "no_prices"),
    ):
        assert ("/variants", code) in refused(procedure(**others))


def test_a_variant_says_what_differs_and_a_main_bid_does_not() -> None:
    main = bid(price(PAPER, "3"), price(TONER, "90"))
    variant = msgspec.structs.replace(main, variant=RECYCLED)
    check_bid(procedure(), main)
    check_bid(procedure(), variant, 1)
    conditions = Conditions(volume=(VolumeDiscount(from_amount=Decimal(9), percent=Decimal(2)),))
    for made, number, terms, code in (
        (variant, MAIN, TAKEN, "not_as_submitted"),
        (main, 1, TAKEN, "not_as_submitted"),
        (variant, 1, None, "not_allowed"),
        (
            msgspec.structs.replace(variant, variant=Variant(label=" ", description="x")),
            1,
            TAKEN,
            "empty",
        ),
        (msgspec.structs.replace(variant, conditions=conditions), 1, TAKEN, "variant"),
    ):
        with pytest.raises(InvalidInput) as found:
            check_bid(procedure(terms), made, number)
        assert [each.code for each in found.value.errors] == [code]


def test_variants_stand_beside_a_main_bid_as_many_as_are_taken() -> None:
    alone = msgspec.structs.replace(TAKEN, beside_main=False)
    variants.check_another(TAKEN, [MAIN])
    variants.check_another(TAKEN, [MAIN, 2])
    variants.check_another(alone, [])
    for terms, live, words in (
        (TAKEN, [], "submit that first"),
        (TAKEN, [1], "submit that first"),
        (TAKEN, [MAIN, 1, 3], "2 variants here"),
        (alone, [1, 2], "2 variants here"),
    ):
        with pytest.raises(Conflict, match=words):
            variants.check_another(terms, live)
    with pytest.raises(InvalidInput, match="takes no variants"):
        variants.check_another(None, [MAIN])


def test_a_variant_that_a_client_seals_has_the_next_number() -> None:
    variants.check_number(1, [MAIN])
    variants.check_number(4, [MAIN, 1, 3])
    for number, given_before in ((2, [MAIN]), (1, [MAIN, 1]), (3, [MAIN, 3])):
        with pytest.raises(StaleVersion):
            variants.check_number(number, given_before)


def test_a_main_bid_is_withdrawn_after_its_variants() -> None:
    with pytest.raises(Conflict, match="withdraw them first"):
        variants.check_withdrawal(TAKEN, MAIN, [MAIN, 1])
    variants.check_withdrawal(TAKEN, MAIN, [MAIN])
    variants.check_withdrawal(TAKEN, 1, [MAIN, 1])
    variants.check_withdrawal(msgspec.structs.replace(TAKEN, beside_main=False), MAIN, [MAIN, 1])
    variants.check_withdrawal(None, MAIN, [MAIN])


@pytest.mark.parametrize(
    ("policy", "beside_main", "valid", "invalid"),
    [
        (VariantPolicy.ALLOWED, True, [MAIN], []),
        (VariantPolicy.ALLOWED, True, [MAIN, 1, 2], []),
        (VariantPolicy.ALLOWED, True, [1, 2], [1, 2]),
        (VariantPolicy.ALLOWED, False, [1, 2], []),
        (VariantPolicy.REQUIRED, True, [MAIN], [MAIN]),
        (VariantPolicy.REQUIRED, True, [MAIN, 2], []),
        (VariantPolicy.REQUIRED, True, [2], [2]),
        (VariantPolicy.REQUIRED, False, [2], []),
    ],
)
def test_at_the_opening_an_offer_without_what_stands_beside_it_is_invalid(
    policy: VariantPolicy, *, beside_main: bool, valid: list[int], invalid: list[int]
) -> None:
    terms = msgspec.structs.replace(TAKEN, policy=policy, beside_main=beside_main)
    assert list(variants.incomplete(terms, valid)) == invalid
    assert not variants.incomplete(None, valid)


def test_a_decision_names_what_is_not_met_and_why() -> None:
    assert variant_decisions.check_decision(TAKEN, [], "")
    assert not variant_decisions.check_decision(TAKEN, ["LIFE"], "The ink fades.")
    for unmet, reason, pointer in ((["LIFE"], " ", "/reason"), (["LIFE", "X"], "x", "/unmet/1")):
        with pytest.raises(InvalidInput) as found:
            variant_decisions.check_decision(TAKEN, unmet, reason)
        assert [each.pointer for each in found.value.errors] == [pointer]


def test_nothing_is_awarded_before_all_variants_are_decided_and_nothing_decided_after() -> None:
    waiting = OpenedVariant(1, "Recycled", "")
    meets = replace(waiting, meets=True)
    variant_decisions.check_all_decided([None, meets])
    with pytest.raises(Conflict, match="variant 1: Recycled"):
        variant_decisions.check_all_decided([None, meets, waiting])
    variant_decisions.check_undecided_lots([LotStatus.OPENED, LotStatus.UNSUCCESSFUL])
    for status in (LotStatus.AUCTIONED, LotStatus.PROPOSED, LotStatus.AWARDED):
        with pytest.raises(WrongState):
            variant_decisions.check_undecided_lots([LotStatus.OPENED, status])


def test_an_envelope_of_a_variant_opens_in_no_other_place_and_main_bids_are_sealed_as_before() -> (
    None
):
    main = Place(UUID(int=1), UUID(int=2), 1)
    first, second = replace(main, variant=1), replace(main, variant=2)
    assert "variant" not in main.named()
    nonce = bytes(32)
    assert len({commitment(each, nonce, b"{}") for each in (main, first, second)}) == 3
    key = new_procedure_key()
    sealed = seal(b"{}", first, key.public_key())
    opened = {
        each.variant: hasattr(unseal(sealed.envelope, each, sealed.commitment, key), "text")
        for each in (main, first, second)
    }
    assert opened == {0: False, 1: True, 2: False}
    receipt = Receipt(UUID(int=1), UUID(int=2), UUID(int=3), 1, DEADLINE, nonce)
    assert b"variant" not in receipt.text()
    assert b'"variant":1' in replace(receipt, variant=1).text()


Drawn = dict[tuple[int, int], int]
"""Amounts in coins by bidder and number of the offer."""
DRAWN = st.dictionaries(
    st.tuples(st.integers(1, 4), st.integers(0, 2)), st.integers(1, 6), min_size=1, max_size=9
)


def ranking(drawn: Drawn, *, apart: bool = False) -> tuple[Final, ...]:
    """Rank offers; `apart`, as if each were of a bidder of its own."""
    offers = [
        Offer(
            UUID(int=100 * bidder + number),
            UUID(int=1000 + 100 * bidder + number if apart else bidder),
            DEADLINE,
            bytes([bidder, number]),
            (priced("1", str(coins)),),
        )
        for (bidder, number), coins in drawn.items()
    ]
    return finals(LOWEST_PRICE, OFFICE.id, ranked(offers), {})


def ids(found: tuple[Final, ...]) -> list[int]:
    return [final.offer.bid_id.int for final in found]


@given(DRAWN)
@settings(max_examples=25)
def test_offers_are_ranked_as_if_of_different_bidders_and_then_one_of_each_is_kept(
    drawn: Drawn,
) -> None:
    first, behind = leading(ranking(drawn))
    everybody = ids(ranking(drawn, apart=True))
    bidders = [each // 100 for each in everybody]
    assert ids(first) == [
        each for place, each in enumerate(everybody) if bidders[place] not in bidders[:place]
    ]
    assert sorted(ids(first) + ids(behind)) == sorted(everybody)


@given(DRAWN, st.sampled_from([(100,), (60, 40), (50, 30, 20)]))
@settings(max_examples=25)
def test_a_bidder_never_wins_a_lot_twice(drawn: Drawn, shares: tuple[int, ...]) -> None:
    first, _ = leading(ranking(drawn))
    winners = [final.offer.bidder_id for final in first[: len(shares)]]
    assert len(set(winners)) == len(winners)


@given(DRAWN, st.integers(1, 4), st.integers(1, 6))
@settings(max_examples=25)
def test_a_variant_that_stands_behind_an_offer_of_its_own_bidder_changes_nothing(
    drawn: Drawn, bidder: int, more: int
) -> None:
    own = [coins for (who, _), coins in drawn.items() if who == bidder]
    if not own:
        return
    with_another = {**drawn, (bidder, 3): min(own) + more}
    assert ids(leading(ranking(with_another))[0]) == ids(leading(ranking(drawn))[0])


@given(DRAWN, st.integers(1, 4), st.integers(1, 6))
@settings(max_examples=25)
def test_a_variant_that_loses_to_others_takes_the_first_place_from_nobody(
    drawn: Drawn, bidder: int, coins: int
) -> None:
    before = ids(leading(ranking(drawn))[0])
    after = ids(leading(ranking({**drawn, (bidder, 3): coins}))[0])
    if after[0] != 100 * bidder + 3:
        assert after[0] == before[0]


@given(DRAWN)
@settings(max_examples=25)
def test_who_loses_an_offer_stands_with_his_next_and_who_falls_away_gives_way_to_another(
    drawn: Drawn,
) -> None:
    every = ranking(drawn)
    winner = leading(every)[0][0].offer
    left, _ = leading(final for final in every if final.offer.bid_id != winner.bid_id)
    has_another = sum(final.offer.bidder_id == winner.bidder_id for final in every) > 1
    assert (winner.bidder_id in {final.offer.bidder_id for final in left}) is has_another
    others = leading(final for final in every if final.offer.bidder_id != winner.bidder_id)[0]
    assert ids(others) == ids(leading(every)[0])[1:]
