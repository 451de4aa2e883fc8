from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from uuid import UUID

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from marketplace.kernel.errors import Conflict, InvalidInput, WrongState
from marketplace.kernel.limits import AMENDMENTS_MAX
from rfq.rules.amendment import (
    check_amendment,
    check_confirmation,
    check_extension,
    check_known_ids,
    check_known_parts,
    judging_left,
    same_lines,
)
from rfq.rules.bid import BidStatus, shown_status
from rfq.rules.criteria import Criterion, CriterionKind, Judging, Method
from rfq.rules.differences import Change, ChangeKind, Terms, TermsDocument, changes
from rfq.rules.procedure import Line, Lot
from rfq.rules.qualification import Requirement, RequirementKind
from tests.rfq.rules.cases import (
    CABLE,
    DEADLINE,
    MOMENT,
    OFFICE,
    PAPER,
    TONER,
    WIRING,
    procedure,
)

DAY = timedelta(days=1)
BEFORE = Terms("Office supplies", "", (OFFICE, WIRING))


def with_lines(*lines: Line) -> Terms:
    return replace(BEFORE, lots=(replace(OFFICE, lines=lines), WIRING))


def test_a_changed_quantity_reads_as_what_was_and_what_is() -> None:
    (change,) = changes(BEFORE, with_lines(replace(PAPER, quantity=Decimal(120)), TONER))
    assert change.kind is ChangeKind.CHANGED
    assert change.place == "lot 'Office', line 'Paper A4, 80 g', quantity"
    assert (change.before, change.after) == ("100 XBX", "120 XBX")


def test_added_and_removed_lots_and_lines_are_named() -> None:
    glue = Line(UUID(int=900), Decimal(2), "C62", "Glue")
    after = Terms("Office supplies", "", (replace(OFFICE, lines=(PAPER, glue)),))
    assert [(c.kind, c.place) for c in changes(BEFORE, after)] == [
        (ChangeKind.ADDED, "lot 'Office', line 'Glue'"),
        (ChangeKind.REMOVED, "lot 'Office', line 'Toner black'"),
        (ChangeKind.REMOVED, "lot 'Wiring'"),
    ]


texts = st.text(alphabet="ab", max_size=2)
lines = st.builds(
    Line,
    st.sampled_from([UUID(int=n) for n in range(4)]),
    st.integers(1, 3).map(Decimal),
    st.sampled_from(["C62", "KGM"]),
    texts,
    st.none() | texts.filter(bool),
)
lots = st.builds(
    Lot,
    st.sampled_from([UUID(int=n) for n in range(10, 13)]),
    texts,
    st.lists(lines, unique_by=lambda line: line.id).map(tuple),
)
terms = st.builds(Terms, texts, texts, st.lists(lots, unique_by=lambda lot: lot.id).map(tuple))


def content(of: Terms) -> tuple[object, ...]:
    """What bidders answer; the order of lots and lines says nothing."""
    return (
        of.title,
        of.description,
        {(lot.id, lot.title, frozenset(lot.lines)) for lot in of.lots},
    )


@settings(max_examples=30)
@given(terms, terms)
def test_there_is_no_change_exactly_where_nothing_differs(one: Terms, other: Terms) -> None:
    assert (changes(one, other) == ()) == (content(one) == content(other))


def test_a_bid_can_be_confirmed_for_other_quantities_and_not_for_other_lines() -> None:
    assert same_lines(BEFORE, with_lines(replace(PAPER, quantity=Decimal(1)), TONER))
    assert same_lines(BEFORE, replace(BEFORE, title="Other", lots=(WIRING, OFFICE)))
    assert not same_lines(BEFORE, with_lines(PAPER))
    assert not same_lines(BEFORE, with_lines(PAPER, replace(TONER, unit="XBX")))
    assert not same_lines(BEFORE, with_lines(PAPER, TONER, replace(CABLE, id=UUID(int=5))))
    check_confirmation(bid_terms=1, terms=3, lines_changed_in=[])
    check_confirmation(bid_terms=2, terms=3, lines_changed_in=[2])
    with pytest.raises(Conflict, match="replace"):
        check_confirmation(bid_terms=1, terms=3, lines_changed_in=[2])
    with pytest.raises(Conflict, match="nothing to confirm"):
        check_confirmation(bid_terms=3, terms=3, lines_changed_in=[])


def test_a_bid_for_amended_terms_is_shown_as_unconfirmed() -> None:
    assert shown_status(BidStatus.LIVE, 1, 2) is BidStatus.UNCONFIRMED
    assert shown_status(BidStatus.LIVE, 2, 2) is BidStatus.LIVE
    assert shown_status(BidStatus.WITHDRAWN, 1, 2) is BidStatus.WITHDRAWN


def test_an_amendment_changes_something_and_comes_before_the_deadline() -> None:
    found = changes(BEFORE, with_lines(PAPER))
    check_amendment(procedure(), found, DEADLINE, DEADLINE - MOMENT)
    with pytest.raises(WrongState):
        check_amendment(procedure(), found, DEADLINE + DAY, DEADLINE)
    with pytest.raises(InvalidInput, match="the same"):
        check_amendment(procedure(), (), DEADLINE, DEADLINE - DAY)


def test_a_procedure_is_not_amended_for_ever() -> None:
    found = changes(BEFORE, with_lines(PAPER))
    early = DEADLINE - DAY
    check_amendment(replace(procedure(), terms_version=AMENDMENTS_MAX), found, DEADLINE, early)
    with pytest.raises(Conflict, match="at most"):
        often = replace(procedure(), terms_version=AMENDMENTS_MAX + 1)
        check_amendment(often, found, DEADLINE, early)


def test_a_late_amendment_must_extend_the_deadline() -> None:
    fair = replace(procedure(), amendment_notice=2 * DAY)
    found = changes(BEFORE, with_lines(PAPER))
    check_amendment(fair, found, DEADLINE, DEADLINE - 2 * DAY)
    check_amendment(fair, found, DEADLINE + DAY, DEADLINE - DAY)
    with pytest.raises(InvalidInput, match="extends the deadline") as refused:
        check_amendment(fair, found, DEADLINE + DAY - MOMENT, DEADLINE - DAY)
    assert refused.value.errors[0].pointer == "/deadline_at"


def test_a_deadline_only_moves_later_and_only_before_it_has_passed() -> None:
    check_extension(procedure(), DEADLINE + MOMENT, DEADLINE - MOMENT)
    with pytest.raises(InvalidInput, match="only moves later"):
        check_extension(procedure(), DEADLINE, DEADLINE - DAY)
    with pytest.raises(WrongState):
        check_extension(procedure(), DEADLINE + DAY, DEADLINE)
    with pytest.raises(InvalidInput):
        check_amendment(
            procedure(), changes(BEFORE, with_lines(PAPER)), DEADLINE - DAY, DEADLINE - 2 * DAY
        )


def test_an_id_names_what_is_there_once_and_in_its_own_lot() -> None:
    check_known_ids(BEFORE, with_lines(PAPER), frozenset())
    glue = Line(UUID(int=900), Decimal(2), "C62", "Glue")
    check_known_ids(BEFORE, with_lines(PAPER, glue), frozenset([glue.id]))
    for wrong in (with_lines(PAPER, glue), with_lines(PAPER, CABLE), with_lines(PAPER, PAPER)):
        with pytest.raises(InvalidInput) as refused:
            check_known_ids(BEFORE, wrong, frozenset())
        assert refused.value.errors[0].pointer == "/lots/0/lines/1/id"
    with pytest.raises(InvalidInput):
        check_known_ids(BEFORE, replace(BEFORE, lots=(OFFICE, OFFICE)), frozenset())


PRICE = Criterion(id=UUID(int=1), kind=CriterionKind.PRICE, title="Price", weight=Decimal(40))
QUALITY = Criterion(id=UUID(int=2), kind=CriterionKind.SCORED, title="Quality", weight=Decimal(60))
SAFETY = Criterion(
    id=UUID(int=3), kind=CriterionKind.GATE, title="Safe", lot_ids=(OFFICE.id, WIRING.id)
)
JUDGED = replace(
    BEFORE, judging=Judging(method=Method.COEFFICIENT, criteria=(PRICE, QUALITY, SAFETY))
)


def with_criteria(*criteria: Criterion) -> Terms:
    return replace(JUDGED, judging=msgspec.structs.replace(JUDGED.judging, criteria=criteria))


def test_other_criteria_read_as_what_was_and_what_is() -> None:
    cheaper = msgspec.structs.replace(PRICE, weight=Decimal(50), title="Cost")
    less = msgspec.structs.replace(QUALITY, weight=Decimal(50), minimum=Decimal(5))
    wired = msgspec.structs.replace(SAFETY, lot_ids=(WIRING.id,))
    fast = Criterion(id=UUID(int=4), kind=CriterionKind.GATE, title="Fast")
    assert changes(JUDGED, with_criteria(cheaper, less, wired, fast)) == (
        Change(ChangeKind.CHANGED, "criterion 'Price', title", "Price", "Cost"),
        Change(ChangeKind.CHANGED, "criterion 'Price', weight", "40", "50"),
        Change(ChangeKind.CHANGED, "criterion 'Quality', weight", "60", "50"),
        Change(ChangeKind.CHANGED, "criterion 'Quality', minimum", "", "5"),
        Change(ChangeKind.CHANGED, "criterion 'Safe', lots", "'Office', 'Wiring'", "'Wiring'"),
        Change(ChangeKind.ADDED, "criterion 'Fast'", None, "pass_fail, all lots"),
    )
    assert changes(JUDGED, BEFORE) == (
        Change(ChangeKind.CHANGED, "judging, method", "coefficient", "lowest_price"),
        Change(ChangeKind.REMOVED, "criterion 'Price'", "price, weight 40, all lots", None),
        Change(ChangeKind.REMOVED, "criterion 'Quality'", "scored, weight 60, all lots", None),
        Change(ChangeKind.REMOVED, "criterion 'Safe'", "pass_fail, 'Office', 'Wiring'", None),
    )


def test_other_requirements_and_documents_read_as_what_was_and_what_is() -> None:
    insured = Requirement(id=UUID(int=5), kind=RequirementKind.DOCUMENT, title="Insurance")
    iso = Requirement(
        id=UUID(int=6), kind=RequirementKind.QUALIFICATION, title="Quality", code="ISO-9001"
    )
    plan = TermsDocument(id=UUID(int=7), name="plan.pdf", sha256="aa")
    newer = TermsDocument(id=UUID(int=8), name="plan.pdf", sha256="bb")
    one = replace(BEFORE, requirements=(insured,), documents=(plan,))
    later = msgspec.structs.replace(insured, title="Insurance of 1 million")
    other = replace(BEFORE, requirements=(later, iso), documents=(newer,))
    assert [(c.place, c.before, c.after) for c in changes(one, other)] == [
        (
            "requirement 'Insurance'",
            "document: Insurance",
            "document: Insurance of 1 million",
        ),
        ("requirement 'Quality'", None, "qualification ISO-9001: Quality"),
        ("document 'plan.pdf'", None, "SHA-256 bb"),
        ("document 'plan.pdf'", "SHA-256 aa", None),
    ]
    assert same_lines(one, other)
    assert same_lines(JUDGED, BEFORE)


def test_a_criterion_for_removed_lots_alone_goes_with_them_and_is_not_for_all() -> None:
    left = judging_left(JUDGED.judging, {WIRING.id})
    assert [each.lot_ids for each in left.criteria] == [(), (), (WIRING.id,)]
    assert judging_left(JUDGED.judging, set()).criteria == (PRICE, QUALITY)


def test_an_id_of_a_criterion_names_one_there_is_once() -> None:
    check_known_parts(JUDGED, with_criteria(QUALITY, PRICE), frozenset())
    fast = Criterion(id=UUID(int=4), kind=CriterionKind.GATE, title="Fast")
    check_known_parts(JUDGED, with_criteria(PRICE, fast), frozenset([fast.id]))
    for wrong in (with_criteria(PRICE, fast), with_criteria(PRICE, PRICE)):
        with pytest.raises(InvalidInput) as refused:
            check_known_parts(JUDGED, wrong, frozenset())
        assert refused.value.errors[0].pointer == "/judging/criteria/1/id"
