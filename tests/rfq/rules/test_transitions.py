"""Every transition of a procedure: who may, who may not, and when.

`TARGETS`, `WHO` and `WHEN` are written by hand and compared with the declaration: a transition that
is declared and not written here fails, and so does one that is written and not declared.
"""

from collections.abc import Callable
from dataclasses import replace
from uuid import UUID

import pytest

from marketplace.kernel.errors import Conflict, InvalidInput, NotPermitted, WrongState
from rfq.rules import procedure as rules
from rfq.rules.criteria import Aggregation, Criterion, CriterionKind, Judging
from rfq.rules.offering import Offering
from rfq.rules.panel import EvaluatorStatus, check_agreed, check_lock
from rfq.rules.procedure import Action, Kind, LotStatus, Party, Status
from rfq.rules.progress import (
    status_after_lots,
    status_after_opening,
    status_after_prices,
    status_after_qualification,
    status_after_scores,
)
from rfq.rules.publication import check_publication
from rfq.rules.qualification import Requirement, RequirementKind, check_all_decided
from tests.rfq.rules.cases import ACME, BOLT, DEADLINE, MOMENT, procedure

TARGETS = {
    (Status.DRAFT, Action.PUBLISH): Status.PUBLISHED,
    (Status.PUBLISHED, Action.CLOSE): Status.CLOSED,
    (Status.CLOSED, Action.OPEN): Status.OPENED,
    (Status.OPENED, Action.BEGIN_QUALIFICATION): Status.QUALIFICATION,
    (Status.OPENED, Action.BEGIN_EVALUATION): Status.EVALUATION,
    (Status.QUALIFICATION, Action.BEGIN_EVALUATION): Status.EVALUATION,
    (Status.EVALUATION, Action.SEEK_CONSENSUS): Status.CONSENSUS,
    (Status.QUALIFICATION, Action.END_EVALUATION): Status.EVALUATED,
    (Status.EVALUATION, Action.END_EVALUATION): Status.EVALUATED,
    (Status.CONSENSUS, Action.END_EVALUATION): Status.EVALUATED,
    (Status.QUALIFICATION, Action.LOCK): Status.LOCKED,
    (Status.EVALUATION, Action.LOCK): Status.LOCKED,
    (Status.CONSENSUS, Action.LOCK): Status.LOCKED,
    (Status.LOCKED, Action.OPEN_PRICES): Status.EVALUATED,
    (Status.OPENED, Action.START_AUCTION): Status.AUCTION,
    (Status.EVALUATED, Action.START_AUCTION): Status.AUCTION,
    (Status.AUCTION, Action.START_AUCTION): Status.AUCTION,
    (Status.OPENED, Action.AWARD): Status.AWARDED,
    (Status.EVALUATED, Action.AWARD): Status.AWARDED,
    (Status.AUCTION, Action.AWARD): Status.AWARDED,
    (Status.OPENED, Action.COMPLETE): Status.COMPLETED,
    (Status.OPENED, Action.END_WITHOUT_AWARD): Status.UNSUCCESSFUL,
    (Status.QUALIFICATION, Action.END_WITHOUT_AWARD): Status.UNSUCCESSFUL,
    (Status.EVALUATION, Action.END_WITHOUT_AWARD): Status.UNSUCCESSFUL,
    (Status.CONSENSUS, Action.END_WITHOUT_AWARD): Status.UNSUCCESSFUL,
    (Status.LOCKED, Action.END_WITHOUT_AWARD): Status.UNSUCCESSFUL,
    (Status.EVALUATED, Action.END_WITHOUT_AWARD): Status.UNSUCCESSFUL,
    (Status.AUCTION, Action.END_WITHOUT_AWARD): Status.UNSUCCESSFUL,
    (Status.AWARDED, Action.REOPEN): Status.EVALUATED,
    (Status.DRAFT, Action.CANCEL): Status.CANCELLED,
    (Status.PUBLISHED, Action.CANCEL): Status.CANCELLED,
    (Status.CLOSED, Action.CANCEL): Status.CANCELLED,
    (Status.OPENED, Action.CANCEL): Status.CANCELLED,
    (Status.QUALIFICATION, Action.CANCEL): Status.CANCELLED,
    (Status.EVALUATION, Action.CANCEL): Status.CANCELLED,
    (Status.CONSENSUS, Action.CANCEL): Status.CANCELLED,
    (Status.LOCKED, Action.CANCEL): Status.CANCELLED,
    (Status.EVALUATED, Action.CANCEL): Status.CANCELLED,
    (Status.AUCTION, Action.CANCEL): Status.CANCELLED,
}
WHO = {
    Action.PUBLISH: {Party.BUYER},
    Action.CLOSE: {Party.BUYER, Party.CLOCK},
    Action.OPEN: {Party.BUYER, Party.CLOCK},
    Action.BEGIN_QUALIFICATION: {Party.CLOCK},
    Action.BEGIN_EVALUATION: {Party.BUYER, Party.CLOCK},
    Action.SEEK_CONSENSUS: {Party.BUYER},
    Action.END_EVALUATION: {Party.BUYER},
    Action.LOCK: {Party.BUYER},
    Action.OPEN_PRICES: {Party.BUYER, Party.CLOCK},
    Action.START_AUCTION: {Party.BUYER},
    Action.COMPLETE: {Party.CLOCK},
    Action.AWARD: {Party.BUYER, Party.CLOCK},
    Action.REOPEN: {Party.BUYER, Party.CLOCK},
    Action.END_WITHOUT_AWARD: {Party.BUYER, Party.CLOCK},
    Action.CANCEL: {Party.BUYER},
}
GATE = Criterion(id=UUID(int=1), kind=CriterionKind.GATE, title="Fits")
PANEL = Judging(criteria=(GATE,))
AGREEING = Judging(criteria=(GATE,), aggregation=Aggregation.CONSENSUS)
SOLVENT = Requirement(id=UUID(int=2), kind=RequirementKind.EXCLUSION_GROUND, title="Solvent")
OPEN_LOTS = [LotStatus.OPENED, LotStatus.UNSUCCESSFUL]
FAILED_LOTS = [LotStatus.UNSUCCESSFUL, LotStatus.UNSUCCESSFUL]


def publishes_before_the_deadline_alone() -> None:
    check_publication(procedure(Status.DRAFT), 1, DEADLINE - MOMENT)
    with pytest.raises(InvalidInput):
        check_publication(procedure(Status.DRAFT), 1, DEADLINE)


def at_the_deadline_and_not_a_moment_before() -> None:
    rules.check_deadline_passed(procedure(), DEADLINE)
    with pytest.raises(Conflict):
        rules.check_deadline_passed(procedure(), DEADLINE - MOMENT)


def qualifies_where_the_terms_require_something_and_a_lot_is_open() -> None:
    asking = replace(procedure(Status.CLOSED), requirements=(SOLVENT,), judging=PANEL)
    assert status_after_opening(asking, OPEN_LOTS) is Status.QUALIFICATION
    assert status_after_opening(asking, FAILED_LOTS) is Status.UNSUCCESSFUL
    assert status_after_opening(procedure(Status.CLOSED), OPEN_LOTS) is Status.OPENED


def evaluates_where_there_is_something_to_judge_and_all_are_decided_on() -> None:
    judging = replace(procedure(Status.CLOSED), judging=PANEL)
    assert status_after_opening(judging, OPEN_LOTS) is Status.EVALUATION
    qualifying = procedure(Status.QUALIFICATION)
    assert status_after_qualification(qualifying) is Status.EVALUATED
    assert status_after_qualification(replace(qualifying, judging=PANEL)) is Status.EVALUATION
    check_all_decided([ACME, BOLT], [BOLT, ACME])
    with pytest.raises(Conflict, match="1 bidders"):
        check_all_decided([ACME, BOLT], [ACME])


def seeks_consensus_where_the_terms_say_so_and_once() -> None:
    agreeing = replace(procedure(Status.EVALUATION), judging=AGREEING)
    assert status_after_scores(agreeing) is Status.CONSENSUS
    mean = replace(agreeing, judging=PANEL)
    assert status_after_scores(mean) is Status.EVALUATED


def ends_when_all_have_handed_in_and_agreed() -> None:
    done, still = EvaluatorStatus.HANDED_IN, EvaluatorStatus.JUDGING
    check_lock(PANEL, [done, EvaluatorStatus.LEFT, EvaluatorStatus.CONFLICTED])
    for statuses in ([done, still], [done, EvaluatorStatus.NAMED], [EvaluatorStatus.LEFT], []):
        with pytest.raises(Conflict):
            check_lock(PANEL, statuses)
    agreeing = replace(procedure(Status.CONSENSUS), judging=AGREEING)
    assert status_after_scores(agreeing) is Status.EVALUATED
    check_agreed({ACME: done, BOLT: EvaluatorStatus.LEFT}, [ACME])
    with pytest.raises(Conflict):
        check_agreed({ACME: done, BOLT: done}, [ACME])
    with pytest.raises(WrongState):
        status_after_scores(procedure(Status.QUALIFICATION))


def locks_instead_of_ending_where_prices_are_sealed_apart() -> None:
    apart = Offering(two_envelopes=True)
    for status, judging in (
        (Status.EVALUATION, PANEL),
        (Status.CONSENSUS, AGREEING),
    ):
        judged = replace(procedure(status), judging=judging)
        assert status_after_scores(judged) is Status.EVALUATED
        assert status_after_scores(replace(judged, offering=apart)) is Status.LOCKED
    agreeing = replace(procedure(Status.EVALUATION), judging=AGREEING, offering=apart)
    assert status_after_scores(agreeing) is Status.CONSENSUS
    qualified = replace(procedure(Status.QUALIFICATION), offering=apart)
    assert status_after_qualification(qualified) is Status.LOCKED


def opens_prices_after_the_lock_and_ends_where_nobody_is_left() -> None:
    locked = replace(procedure(Status.LOCKED), offering=Offering(two_envelopes=True))
    assert status_after_prices(locked, OPEN_LOTS) is Status.EVALUATED
    assert status_after_prices(locked, FAILED_LOTS) is Status.UNSUCCESSFUL
    with pytest.raises(WrongState):
        status_after_prices(procedure(Status.EVALUATION), OPEN_LOTS)


def once_prices_are_known() -> None:
    for status in (Status.OPENED, Status.EVALUATED, Status.AUCTION):
        rules.check_bids_readable(procedure(status))
    for status in (Status.CLOSED, *rules.PRICES_HIDDEN):
        with pytest.raises(WrongState):
            rules.check_bids_readable(procedure(status))


def when_the_last_lot_is_settled() -> None:
    assert status_after_lots(Status.OPENED, OPEN_LOTS) is Status.OPENED
    for status in (Status.OPENED, *rules.PRICES_HIDDEN):
        assert status_after_lots(status, FAILED_LOTS) is Status.UNSUCCESSFUL
    awarded = [LotStatus.AWARDED, LotStatus.UNSUCCESSFUL]
    assert status_after_lots(Status.EVALUATED, awarded) is Status.AWARDED


def once_a_request_for_information_is_open() -> None:
    asking = replace(procedure(Status.CLOSED), kind=Kind.RFI, lots=())
    assert status_after_opening(asking, []) is Status.COMPLETED
    pricing = replace(asking, kind=Kind.RFQ)
    assert status_after_opening(pricing, OPEN_LOTS) is Status.OPENED


def when_a_lot_is_to_be_decided_again() -> None:
    assert status_after_lots(Status.AWARDED, OPEN_LOTS) is Status.EVALUATED
    kept = [LotStatus.AWARDED, LotStatus.PROPOSED]
    assert status_after_lots(Status.EVALUATED, kept) is Status.EVALUATED


def while_nothing_is_awarded_or_auctioned() -> None:
    rules.check_cancellation([LotStatus.OPENED, LotStatus.UNSUCCESSFUL])
    for status in (LotStatus.PROPOSED, LotStatus.AWARDED, LotStatus.AUCTION):
        with pytest.raises(Conflict):
            rules.check_cancellation([LotStatus.OPENED, status])


WHEN: dict[Action, Callable[[], None]] = {
    Action.PUBLISH: publishes_before_the_deadline_alone,
    Action.CLOSE: at_the_deadline_and_not_a_moment_before,
    Action.OPEN: at_the_deadline_and_not_a_moment_before,
    Action.BEGIN_QUALIFICATION: qualifies_where_the_terms_require_something_and_a_lot_is_open,
    Action.BEGIN_EVALUATION: evaluates_where_there_is_something_to_judge_and_all_are_decided_on,
    Action.SEEK_CONSENSUS: seeks_consensus_where_the_terms_say_so_and_once,
    Action.END_EVALUATION: ends_when_all_have_handed_in_and_agreed,
    Action.LOCK: locks_instead_of_ending_where_prices_are_sealed_apart,
    Action.OPEN_PRICES: opens_prices_after_the_lock_and_ends_where_nobody_is_left,
    Action.START_AUCTION: once_prices_are_known,
    Action.AWARD: once_prices_are_known,
    Action.COMPLETE: once_a_request_for_information_is_open,
    Action.END_WITHOUT_AWARD: when_the_last_lot_is_settled,
    Action.REOPEN: when_a_lot_is_to_be_decided_again,
    Action.CANCEL: while_nothing_is_awarded_or_auctioned,
}


def test_each_transition_that_is_declared_is_tested_here_and_no_other() -> None:
    declared = {
        (source, each.action): each.target
        for each in rules.PROCEDURE.transitions
        for source in each.sources
    }
    assert declared == TARGETS
    assert set(WHO) == set(WHEN) == set(Action)


@pytest.mark.parametrize(("place", "target"), TARGETS.items(), ids=str)
def test_who_may_moves_the_procedure_and_nobody_else_does(
    place: tuple[Status, Action], target: Status
) -> None:
    status, action = place
    for party in Party:
        if party in WHO[action]:
            assert rules.moved(status, action, party) is target
        else:
            with pytest.raises(NotPermitted):
                rules.moved(status, action, party)


@pytest.mark.parametrize("action", list(Action))
def test_from_every_other_state_the_action_is_refused(action: Action) -> None:
    party = next(iter(WHO[action]))
    for status in set(Status) - {source for source, what in TARGETS if what is action}:
        with pytest.raises(WrongState):
            rules.moved(status, action, party)


@pytest.mark.parametrize("action", list(WHEN))
def test_an_action_has_its_time(action: Action) -> None:
    WHEN[action]()
