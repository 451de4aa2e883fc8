from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from marketplace.kernel.errors import Conflict, InvalidInput, NotPermitted, WrongState
from rfq.rules import procedure as rules
from rfq.rules.least_times import LeastTimes
from rfq.rules.procedure import Action, LotStatus, Openness, Party, Status
from rfq.rules.progress import status_after_lots
from rfq.rules.publication import check_invitation, check_publication, check_terms
from tests.rfq.rules.cases import ACME, BUYER, DEADLINE, MOMENT, OFFICE, PAPER, procedure


@pytest.mark.parametrize("status", [Status.UNSUCCESSFUL, Status.CANCELLED])
def test_a_finished_procedure_moves_no_more(status: Status) -> None:
    assert rules.PROCEDURE.actions(status) == ()


def test_a_published_procedure_cannot_be_opened_without_closing_first() -> None:
    with pytest.raises(WrongState):
        rules.moved(Status.PUBLISHED, Action.OPEN, Party.CLOCK)


def test_bids_are_received_until_the_last_moment_before_the_deadline() -> None:
    rules.check_receiving(procedure(), DEADLINE - MOMENT)


def test_a_bid_at_the_deadline_is_late() -> None:
    with pytest.raises(WrongState, match="deadline has passed"):
        rules.check_receiving(procedure(), DEADLINE)


@pytest.mark.parametrize("status", [s for s in Status if s is not Status.PUBLISHED])
def test_bids_are_received_only_while_published(status: Status) -> None:
    with pytest.raises(WrongState):
        rules.check_receiving(procedure(status), DEADLINE - timedelta(days=1))


@given(st.timedeltas(min_value=timedelta(days=-400), max_value=timedelta(days=400)))
def test_at_no_instant_can_one_bid_and_another_open(offset: timedelta) -> None:
    def passes(check: Callable[..., None]) -> bool:
        try:
            check(procedure(), DEADLINE + offset)
        except Conflict:
            return False
        return True

    assert passes(rules.check_receiving) != passes(rules.check_deadline_passed)


def test_nobody_bids_in_a_procedure_of_his_own() -> None:
    with pytest.raises(NotPermitted):
        rules.check_bidder(procedure(openness=Openness.OPEN), BUYER, invited=True, sells=True)


def test_who_only_buys_does_not_bid() -> None:
    with pytest.raises(NotPermitted):
        rules.check_bidder(procedure(openness=Openness.OPEN), ACME, invited=True, sells=False)


def test_who_was_not_invited_bids_only_in_an_open_procedure() -> None:
    rules.check_bidder(procedure(openness=Openness.OPEN), ACME, invited=False, sells=True)
    rules.check_bidder(procedure(), ACME, invited=True, sells=True)
    with pytest.raises(NotPermitted):
        rules.check_bidder(procedure(), ACME, invited=False, sells=True)


@pytest.mark.parametrize("status", list(Status))
def test_bids_are_readable_only_after_the_opening(status: Status) -> None:
    sealed = {Status.DRAFT, Status.PUBLISHED, Status.CLOSED, Status.CANCELLED}
    sealed |= rules.PRICES_HIDDEN
    if status in sealed:
        with pytest.raises(WrongState) as refusal:
            rules.check_bids_readable(procedure(status))
        assert not any(letter.isdigit() for letter in refusal.value.detail)
    else:
        rules.check_bids_readable(procedure(status))


def test_publication_needs_a_deadline_ahead() -> None:
    check_publication(procedure(Status.DRAFT), 1, DEADLINE - MOMENT)
    with pytest.raises(InvalidInput) as refusal:
        check_publication(procedure(Status.DRAFT), 1, DEADLINE)
    assert refusal.value.errors[0].pointer == "/deadline_at"


def test_bids_are_received_for_as_many_days_as_the_terms_say() -> None:
    # Published on Thursday: the tenth day is a Sunday, so Monday's last hour has to pass.
    asked = replace(procedure(Status.DRAFT), least_times=LeastTimes(receiving=10))
    published = datetime(2026, 6, 4, 9, tzinfo=UTC)
    least = datetime(2026, 6, 16, tzinfo=UTC)
    check_publication(replace(asked, deadline_at=least), 1, published)
    with pytest.raises(InvalidInput) as refused:
        check_publication(replace(asked, deadline_at=least - MOMENT), 1, published)
    assert (refused.value.errors[0].pointer, refused.value.errors[0].code) == (
        "/deadline_at",
        "too_soon",
    )


def test_publication_by_invitation_needs_somebody_invited() -> None:
    with pytest.raises(Conflict):
        check_publication(procedure(Status.DRAFT), 0, DEADLINE - MOMENT)
    check_publication(procedure(Status.DRAFT, openness=Openness.OPEN), 0, DEADLINE - MOMENT)


@pytest.mark.parametrize(
    ("broken", "pointer"),
    [
        (procedure(lots=()), "/lots"),
        (procedure(lots=(replace(OFFICE, lines=()),)), "/lots/0/lines"),
        (procedure(minimum_bids=0), "/minimum_bids"),
        (procedure(currency="EURO"), "/currency"),
        (
            procedure(lots=(OFFICE, replace(OFFICE, lines=(replace(PAPER, unit="CTN"),)))),
            "/lots/1/lines/0/unit",
        ),
        (
            procedure(
                lots=(replace(OFFICE, lines=(PAPER, replace(PAPER, quantity=Decimal("0.5")))),)
            ),
            "/lots/0/lines/1/quantity",
        ),
        (procedure(lots=(replace(OFFICE, lines=(PAPER,) * 1001),)), "/lots"),
    ],
)
def test_terms_that_do_not_fit_are_refused_with_their_place(
    broken: rules.Procedure, pointer: str
) -> None:
    with pytest.raises(InvalidInput) as refusal:
        check_terms(broken)
    assert pointer in {error.pointer for error in refusal.value.errors}


@pytest.mark.parametrize("status", list(Status))
def test_invitations_go_out_in_a_draft_and_while_bids_are_received(status: Status) -> None:
    if status in {Status.DRAFT, Status.PUBLISHED}:
        check_invitation(procedure(status), DEADLINE - MOMENT)
    else:
        with pytest.raises(WrongState):
            check_invitation(procedure(status), DEADLINE - MOMENT)


def test_nobody_is_invited_at_the_deadline() -> None:
    with pytest.raises(WrongState):
        check_invitation(procedure(), DEADLINE)


@pytest.mark.parametrize(
    ("lots", "after"),
    [
        ([LotStatus.AWARDED, LotStatus.OPENED], Status.OPENED),
        ([LotStatus.AWARDED, LotStatus.AUCTION], Status.OPENED),
        ([LotStatus.AWARDED, LotStatus.UNSUCCESSFUL], Status.AWARDED),
        ([LotStatus.UNSUCCESSFUL, LotStatus.UNSUCCESSFUL], Status.UNSUCCESSFUL),
    ],
)
def test_the_last_lot_settles_the_procedure(lots: list[LotStatus], after: Status) -> None:
    assert status_after_lots(Status.OPENED, lots) is after


def test_an_awarded_procedure_opens_again_when_a_winner_falls_away_and_does_nothing_else() -> None:
    assert rules.PROCEDURE.actions(Status.AWARDED) == (Action.REOPEN,)
    lots = [LotStatus.OPENED, LotStatus.AWARDED]
    assert status_after_lots(Status.AWARDED, lots) is Status.EVALUATED


def test_a_lot_is_found_by_its_id() -> None:
    assert procedure().lot(OFFICE.id) is OFFICE
    assert procedure().lot(UUID(int=77)) is None
