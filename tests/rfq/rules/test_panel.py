from decimal import Decimal
from fractions import Fraction
from uuid import UUID

import pytest

from marketplace.kernel.errors import Conflict, InvalidInput, NotPermitted, WrongState
from rfq.rules import panel as rules
from rfq.rules.criteria import Aggregation
from rfq.rules.panel import EVALUATOR, EvaluatorAction, EvaluatorStatus
from tests.rfq.rules.judging import LOT, OTHER_LOT, gate, points, price, scored

ANNA, BEN = UUID(int=71), UUID(int=72)
BID, RIVAL = UUID(int=81), UUID(int=82)
QUALITY, FITS = scored("40"), gate()
OF_LOT = scored("40", number=5, lots=(LOT,))


@pytest.mark.parametrize("status", [None, *EvaluatorStatus])
def test_bids_are_for_evaluators_who_declared_that_they_have_no_conflict(
    status: EvaluatorStatus | None,
) -> None:
    if status in {EvaluatorStatus.JUDGING, EvaluatorStatus.HANDED_IN}:
        rules.check_access(status)
    else:
        with pytest.raises(NotPermitted):
            rules.check_access(status)


def test_a_conflict_may_come_to_light_late_and_ends_an_evaluators_part() -> None:
    for status in (EvaluatorStatus.NAMED, EvaluatorStatus.JUDGING, EvaluatorStatus.HANDED_IN):
        after = EVALUATOR.after(status, EvaluatorAction.DECLARE_CONFLICT)
        assert after is EvaluatorStatus.CONFLICTED
        assert EVALUATOR.actions(after) == ()


def test_who_handed_in_does_not_take_his_scores_away_by_leaving() -> None:
    with pytest.raises(WrongState):
        EVALUATOR.after(EvaluatorStatus.HANDED_IN, EvaluatorAction.LEAVE)


def test_a_criterion_of_all_lots_is_judged_once_for_a_bid_and_one_of_a_lot_for_each() -> None:
    judging = points(price("60", "1000"), QUALITY, OF_LOT, FITS)
    asked = rules.places_to_judge(judging, {BID: [LOT, OTHER_LOT], RIVAL: [OTHER_LOT]})
    assert set(asked) == {
        (BID, None, QUALITY.id),
        (BID, None, FITS.id),
        (BID, LOT, OF_LOT.id),
        (RIVAL, None, QUALITY.id),
        (RIVAL, None, FITS.id),
    }


def test_scores_off_the_scale_twice_or_for_nothing_are_all_refused_at_once() -> None:
    asked = rules.places_to_judge(points(QUALITY, FITS), {BID: [LOT]})
    quality, fits = (BID, None, QUALITY.id), (BID, None, FITS.id)
    rules.check_scores(asked, [(quality, Decimal("9.5")), (fits, Decimal(1))])
    given = [
        (quality, Decimal("10.01")),
        (quality, Decimal(3)),
        (fits, Decimal("0.5")),
        ((RIVAL, None, QUALITY.id), Decimal(1)),
    ]
    with pytest.raises(InvalidInput) as refusal:
        rules.check_scores(asked, given)
    assert [(e.pointer, e.code) for e in refusal.value.errors] == [
        ("/scores/0/score", "out_of_range"),
        ("/scores/1", "twice"),
        ("/scores/2/score", "not_pass_or_fail"),
        ("/scores/3/criterion_id", "unknown"),
    ]


def test_nobody_hands_in_before_he_has_judged_everything() -> None:
    asked = rules.places_to_judge(points(QUALITY, FITS), {BID: [LOT]})
    rules.check_complete(asked, list(asked))
    with pytest.raises(Conflict, match="1 of 2"):
        rules.check_complete(asked, list(asked)[:1])


def test_several_evaluators_give_their_mean_exactly() -> None:
    place = (BID, None, QUALITY.id)
    given = [(place, ANNA, Decimal(8)), (place, BEN, Decimal(9)), (place, BID, Decimal(9))]
    found = rules.marks(points(QUALITY), given, {})
    assert found[place].value == Fraction(26, 3)
    assert found[place].given[0] == (ANNA, Decimal(8))


def test_by_consensus_what_was_agreed_counts_and_not_the_mean() -> None:
    place = (BID, None, QUALITY.id)
    judging = points(QUALITY, aggregation=Aggregation.CONSENSUS)
    given = [(place, ANNA, Decimal(2)), (place, BEN, Decimal(4))]
    found = rules.marks(judging, given, {place: Decimal("3.5")})
    assert (found[place].value, found[place].agreed) == (Fraction("3.5"), True)
    assert len(found[place].given) == 2


def test_a_panel_changes_until_its_scores_are_locked() -> None:
    rules.check_still_named("evaluation", {"evaluation"})
    with pytest.raises(WrongState):
        rules.check_still_named("evaluated", {"evaluation"})
