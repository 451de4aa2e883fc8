from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from itertools import permutations
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from marketplace.approvals.rules import (
    APPROVAL,
    ORDER_RULE,
    AboveOwnLimit,
    AmountAbove,
    ApprovalState,
    Decision,
    Level,
    Request,
    Requester,
    Rule,
    Verdict,
    judge,
    needs_approval,
)
from marketplace.kernel.errors import Conflict, NotPermitted, WrongState
from marketplace.kernel.money import Money

AT = datetime(2026, 3, 1, tzinfo=UTC)
ANNA, BERT, CARL, DORA = (UUID(int=number) for number in (1, 2, 3, 4))
CONTENT = b"content"


def eur(amount: str) -> Money:
    return Money(Decimal(amount), "EUR")


def decision(member: UUID, *roles: str, verdict: Verdict = Verdict.APPROVE) -> Decision:
    return Decision(member, frozenset(roles), verdict, AT)


def rejection(member: UUID, *roles: str) -> Decision:
    return decision(member, *roles, verdict=Verdict.REJECT)


def request_under(*levels: Level, decisions: Sequence[Decision] = ()) -> Request:
    rule = Rule("test", 1, AboveOwnLimit(), levels)
    return Request(ApprovalState.PENDING, rule, ANNA, CONTENT, tuple(decisions))


REQUEST = Request(ApprovalState.PENDING, ORDER_RULE, ANNA, CONTENT)


@pytest.mark.parametrize(
    ("limit", "roles", "amount", "waits"),
    [
        (eur("100"), {"purchaser"}, eur("100.00"), False),
        (eur("100"), {"purchaser"}, eur("100.01"), True),
        (eur("100"), {"administrator"}, eur("100.01"), True),
        (eur("0"), {"purchaser"}, eur("0.01"), True),
        (None, {"administrator"}, eur("1000000"), False),
        (None, {"purchaser"}, eur("0.01"), True),
        (eur("100"), {"purchaser"}, Money(Decimal(1), "USD"), True),
    ],
)
def test_an_order_above_the_own_limit_waits(
    limit: Money | None, roles: set[str], amount: Money, waits: bool
) -> None:
    assert needs_approval(ORDER_RULE, Requester(ANNA, frozenset(roles), limit), amount) is waits


def test_a_threshold_binds_everybody() -> None:
    rule = Rule("big", 1, AmountAbove(eur("1000")), ((frozenset({"approver"}),),))
    boss = Requester(ANNA, frozenset({"administrator"}), None)
    assert needs_approval(rule, boss, eur("1000.01"))
    assert not needs_approval(rule, boss, eur("1000"))


def test_one_approver_is_enough_for_one_level() -> None:
    assert judge(REQUEST, decision(BERT, "approver"), CONTENT) is ApprovalState.APPROVED
    assert judge(REQUEST, decision(BERT, "administrator"), CONTENT) is ApprovalState.APPROVED
    assert judge(REQUEST, rejection(BERT, "approver"), CONTENT) is ApprovalState.REJECTED


def test_nobody_approves_what_he_asked_for() -> None:
    with pytest.raises(NotPermitted, match="asked for himself"):
        judge(REQUEST, decision(ANNA, "approver", "administrator"), CONTENT)


def test_nobody_rejects_what_he_asked_for_either() -> None:
    with pytest.raises(NotPermitted):
        judge(REQUEST, rejection(ANNA, "approver"), CONTENT)


def test_a_rule_may_allow_self_approval() -> None:
    request = replace(REQUEST, rule=replace(ORDER_RULE, self_approval=True))
    assert judge(request, decision(ANNA, "approver"), CONTENT) is ApprovalState.APPROVED


def test_other_roles_decide_nothing() -> None:
    for verdict in Verdict:
        with pytest.raises(NotPermitted, match="administrator, approver"):
            judge(REQUEST, decision(BERT, "purchaser", "viewer", verdict=verdict), CONTENT)


def test_a_changed_document_needs_a_new_request() -> None:
    with pytest.raises(Conflict, match="changed"):
        judge(REQUEST, decision(BERT, "approver"), b"other content")


@pytest.mark.parametrize("state", [s for s in ApprovalState if s is not ApprovalState.PENDING])
def test_a_decided_request_tells_its_state_to_whoever_comes_second(state: ApprovalState) -> None:
    with pytest.raises(WrongState) as caught:
        judge(replace(REQUEST, state=state), decision(BERT, "approver"), CONTENT)
    assert caught.value.state == state.value


def test_nothing_leads_out_of_a_decided_request() -> None:
    decided = set(ApprovalState) - {ApprovalState.PENDING}
    assert all(APPROVAL.actions(state) == () for state in decided)


def test_levels_follow_one_another() -> None:
    levels = ((frozenset({"approver"}),), (frozenset({"finance"}),))
    request = request_under(*levels)
    with pytest.raises(NotPermitted, match="approver"):
        judge(request, decision(BERT, "finance"), CONTENT)
    first = decision(BERT, "approver")
    assert judge(request, first, CONTENT) is ApprovalState.PENDING
    second = judge(replace(request, decisions=(first,)), decision(CARL, "finance"), CONTENT)
    assert second is ApprovalState.APPROVED


def test_one_person_counts_once_even_with_both_roles() -> None:
    request = request_under((frozenset({"approver"}), frozenset({"finance"})))
    first = decision(BERT, "approver", "finance")
    assert judge(request, first, CONTENT) is ApprovalState.PENDING
    with pytest.raises(NotPermitted, match="another person"):
        judge(replace(request, decisions=(first,)), decision(BERT, "finance"), CONTENT)


def test_a_rejection_at_any_level_ends_it() -> None:
    levels = ((frozenset({"approver"}),), (frozenset({"finance"}),))
    request = request_under(*levels, decisions=[decision(BERT, "approver")])
    assert judge(request, rejection(CARL, "finance"), CONTENT) is ApprovalState.REJECTED


def test_two_requirements_are_met_in_any_order_of_arrival() -> None:
    level = (frozenset({"approver", "finance"}), frozenset({"approver"}))
    for one, other in permutations([decision(BERT, "approver"), decision(CARL, "finance")]):
        request = request_under(level)
        assert judge(request, one, CONTENT) is ApprovalState.PENDING
        then = judge(replace(request, decisions=(one,)), other, CONTENT)
        assert then is ApprovalState.APPROVED


def test_a_second_person_of_a_kind_that_is_not_needed_any_more_is_told_so() -> None:
    request = request_under((frozenset({"finance"}), frozenset({"approver"})))
    first = decision(BERT, "finance")
    with pytest.raises(NotPermitted):
        judge(replace(request, decisions=(first,)), decision(CARL, "finance"), CONTENT)


@pytest.mark.parametrize("levels", [(), ((),), ((frozenset(),),), ((frozenset({"a"}),),) * 6])
def test_a_rule_nobody_could_meet_is_refused(levels: list[Level]) -> None:
    with pytest.raises(ValueError, match="level"):
        Rule("bad", 1, AboveOwnLimit(), levels)


role_sets = st.frozensets(st.sampled_from(["approver", "finance", "legal"]), min_size=1, max_size=2)


@given(
    st.lists(st.lists(role_sets, min_size=1, max_size=3).map(tuple), min_size=1, max_size=3),
    st.lists(role_sets, min_size=0, max_size=12),
)
def test_approval_needs_as_many_people_as_there_are_requirements(
    levels: list[Level], people: list[frozenset[str]]
) -> None:
    request = request_under(*levels)
    taken: list[Decision] = []
    state = ApprovalState.PENDING
    for number, roles in enumerate(people, start=10):
        if state is not ApprovalState.PENDING:
            break
        said = decision(UUID(int=number), *roles)
        try:
            state = judge(replace(request, decisions=tuple(taken)), said, CONTENT)
        except NotPermitted:
            continue
        taken.append(said)
    needed = sum(len(level) for level in levels)
    assert (state is ApprovalState.APPROVED) == (len(taken) == needed)
    assert len(taken) <= needed
