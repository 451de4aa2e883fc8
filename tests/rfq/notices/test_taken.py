"""What becomes of a notice: every part of it is in the draft, or is told not to be."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import msgspec
import pytest

from marketplace.contracts.terms import Address
from marketplace.kernel.limits import NOTICE_VALUE_CHARACTERS_MAX
from rfq.procedures.publishing import check_draft_terms
from rfq.procedures.schemas import ProcedureInput
from rfq.rules.criteria import CriterionKind, Method
from rfq.rules.notices.drafting import Drafted, later
from rfq.rules.notices.importing import draft_of
from rfq.rules.notices.notice import Months
from rfq.rules.notices.report import NoticeFormat, Why
from rfq.rules.procedure import Openness
from rfq.rules.qualification import RequirementKind
from tests.rfq.notices.builders import (
    Lot,
    Notice,
    as_json,
    criterion,
    element,
    extension,
    release,
    texts,
)
from tests.rfq.notices.variety import QUALITY, taken
from tests.rfq.parties import BUYER_SCOPES, caller

NOW = datetime(2026, 11, 1, tzinfo=UTC)
BUYER = caller(BUYER_SCOPES)
TAKEN = list(taken())


def made(data: bytes, currency: str = "EUR") -> tuple[ProcedureInput, Drafted]:
    drafted = draft_of(data, NOW, currency)
    terms = msgspec.convert(drafted.terms, ProcedureInput)
    check_draft_terms(BUYER, terms)
    return terms, drafted


def of(*lots: Lot, **changes: Any) -> tuple[ProcedureInput, Drafted]:
    return made(Notice(list(lots) or [Lot()], **changes).bytes())


def mapped(drafted: Drafted) -> dict[str, str]:
    return {row.field: row.value for row in drafted.report.mapped}


def unmapped(drafted: Drafted, end: str) -> list[tuple[str, Why]]:
    rows = drafted.report.unmapped
    return [(row.value, row.reason) for row in rows if row.source.endswith(end)]


@pytest.mark.parametrize(("data", "decisions"), [t[1:] for t in TAKEN], ids=[t[0] for t in TAKEN])
def test_a_notice_becomes_a_draft_that_says_what_is_left_to_decide(
    data: bytes, decisions: set[str]
) -> None:
    _, drafted = made(data)
    assert {each.code for each in drafted.report.decisions} == decisions
    assert drafted.report.mapped_count > 0


def test_a_contract_notice_is_taken_over_by_its_fields() -> None:
    terms, drafted = of(Lot(validity=("6", "MONTH"), questions=("2031-03-01Z", "12:00:00Z")))
    assert (terms.title, terms.description) == (
        "Office supplies",
        "Paper and toner for three years",
    )
    assert terms.openness is Openness.OPEN
    assert terms.deadline_at == datetime(2031, 3, 31, 10, tzinfo=UTC)
    assert terms.questions_until == datetime(2031, 3, 1, 12, tzinfo=UTC)
    assert terms.bids_valid_until == datetime(2031, 9, 30, 10, tzinfo=UTC)
    assert terms.budget is not None
    assert (terms.budget.amount, terms.budget.shown, terms.currency) == ("4500", True, "EUR")
    [lot] = terms.lots
    [line] = lot.lines
    assert (lot.title, line.description) == ("Paper", "Copy paper, white")
    assert (line.quantity, line.unit) == ("500", "XBX")
    report = drafted.report
    assert (report.format, report.kind, report.dated) == (
        NoticeFormat.EFORMS,
        "cn-standard",
        "2026-10-01",
    )
    assert report.notice_id == "f42be27e-09cf-4f0e-a745-63ec689631e6"
    assert mapped(drafted)["/lots/0/lines/0/unit"] == "XBX"


def test_a_release_is_taken_over_by_its_fields() -> None:
    terms, drafted = made(as_json(release()))
    assert (terms.title, terms.openness) == ("Office supplies", Openness.OPEN)
    assert terms.deadline_at == datetime(2031, 3, 31, 10, tzinfo=UTC)
    [lot] = terms.lots
    assert lot.title == "Office supplies"
    assert [(each.quantity, each.unit, each.description) for each in lot.lines] == [
        ("500", "XBX", "Copy paper, white")
    ]
    assert drafted.report.process_id == "ocds-213czf-4711"
    [source] = [row.source for row in drafted.report.mapped if row.field == "/title"]
    assert source == "/tender/title"


def test_what_has_no_place_is_told_with_its_value() -> None:
    _, drafted = of()
    assert unmapped(drafted, "cbc:ItemClassificationCode") == [
        ("30197630 (listName cpv)", Why.NO_PLACE)
    ]
    assert unmapped(drafted, "cbc:CountrySubentityCode") == [
        ("DE212 (listName nuts)", Why.NO_PLACE)
    ]
    _, drafted = made(as_json(release({"x_budget": {"source": ["a", None, True]}})))
    assert [row for row, _ in unmapped(drafted, "/classification/id")] == ["30197630"]
    assert [row.value for row in drafted.report.unmapped if "x_budget" in row.source] == [
        "a",
        "null",
        "true",
    ]


def test_every_part_of_a_notice_is_either_taken_or_told() -> None:
    # A word nobody else has in each leaf: it has to turn up somewhere.
    said = {f"extra{number}": f"word-{number}" for number in range(50)}
    terms, drafted = made(as_json(release({**said, "lots": [{"id": "A", "title": "Only"}]})))
    told = {row.value for row in drafted.report.unmapped}
    assert set(said.values()) <= told
    assert drafted.report.unmapped_count == len(drafted.report.unmapped)
    assert terms.lots[0].title == "Only"


def test_which_requirements_variants_meet_is_left_to_the_buyer() -> None:
    for policy, decisions in (("required", ["/variants"]), ("notAllowed", [])):
        lots = [{"id": "A", "title": "Only", "submissionTerms": {"variantPolicy": policy}}]
        terms, drafted = made(as_json(release({"lots": lots})))
        assert terms.variants is None
        left = [each for each in drafted.report.decisions if each.code == "variants"]
        assert [field for each in left for field in each.fields] == decisions
        assert unmapped(drafted, "/variantPolicy") == [(policy, Why.NO_PLACE)]


def test_texts_are_in_the_notices_language_and_the_others_are_told() -> None:
    title = {"FRA": "Fournitures", "DEU": "Bürobedarf"}
    terms, drafted = of(Lot(title=title), title=title, language="DEU", languages=("FRA",))
    assert (terms.title, terms.lots[0].title) == ("Bürobedarf", "Bürobedarf")
    assert (drafted.report.language, drafted.report.other_languages) == ("DEU", ["FRA"])
    others = [row.value for row in drafted.report.unmapped if row.reason is Why.OTHER_LANGUAGE]
    assert others.count("Fournitures (languageID FRA)") == 2
    # Not in the notice's own language at all: better some words than none.
    terms, _ = of(title={"FRA": "Fournitures"}, language="DEU")
    assert terms.title == "Fournitures"


def test_translations_of_a_release_are_told() -> None:
    _, drafted = made(as_json(release({"title_fr": "Fournitures"})))
    assert unmapped(drafted, "/tender/title_fr") == [("Fournitures", Why.OTHER_LANGUAGE)]


@pytest.mark.parametrize(
    ("date", "time", "expected"),
    [
        ("2031-03-31+02:00", "12:00:00+02:00", datetime(2031, 3, 31, 10, tzinfo=UTC)),
        ("2031-03-31Z", "23:59:59-05:00", datetime(2031, 4, 1, 4, 59, 59, tzinfo=UTC)),
        ("2031-03-31", "12:00:00.5", datetime(2031, 3, 31, 12, 0, 0, 500_000, tzinfo=UTC)),
        ("2031-03-31", "12:00:00.1234567", datetime(2031, 3, 31, 12, 0, 0, 123_456, tzinfo=UTC)),
        ("2031-03-31Z", "24:00:00.0Z", datetime(2031, 4, 1, tzinfo=UTC)),
        ("2031-03-31+01:00", "24:00:00+01:00", datetime(2031, 3, 31, 23, tzinfo=UTC)),
        ("2031-03-31+01:00", None, datetime(2031, 3, 31, 23, tzinfo=UTC)),
    ],
)
def test_a_deadline_is_a_date_and_a_time_each_with_its_offset(
    date: str, time: str | None, expected: datetime
) -> None:
    terms, _ = of(Lot(deadline=(date, time)))
    assert terms.deadline_at == expected


def test_of_several_deadlines_it_is_the_last() -> None:
    other = Lot("LOT-0002", deadline=("2031-05-31Z", "12:00:00Z"))
    terms, drafted = of(Lot(), other)
    assert terms.deadline_at == datetime(2031, 5, 31, 12, tzinfo=UTC)
    assert ("2031-03-31+02:00", Why.UNUSABLE) in unmapped(drafted, "cbc:EndDate")


def test_offers_bind_for_the_longest_of_the_lots_times() -> None:
    lots = Lot(validity=("90", "DAY")), Lot("LOT-0002", validity=("2", "MONTH"))
    terms, drafted = of(*lots)
    assert terms.bids_valid_until == datetime(2031, 6, 29, 10, tzinfo=UTC)
    assert "validities_differ" in {each.code for each in drafted.report.decisions}


def test_without_a_deadline_the_draft_has_one_that_cannot_be_published() -> None:
    terms, _ = of(Lot(deadline=None))
    assert terms.deadline_at == NOW


@pytest.mark.parametrize(
    ("start", "length", "expected"),
    [
        ((2031, 1, 31), Months(months=1), (2031, 2, 28)),
        ((2031, 12, 31), Months(months=2), (2032, 2, 29)),
        ((2031, 1, 31), Months(days=14), (2031, 2, 14)),
        ((9999, 6, 1), Months(months=12), None),
        ((2031, 1, 1), Months(), None),
    ],
)
def test_a_length_of_time_is_counted_on_the_calendar(
    start: tuple[int, int, int], length: Months, expected: tuple[int, int, int] | None
) -> None:
    assert later(datetime(*start, tzinfo=UTC), length) == (
        None if expected is None else datetime(*expected, tzinfo=UTC)
    )


def test_an_unknown_unit_keeps_the_quantity_and_is_named_in_words() -> None:
    terms, drafted = of(Lot(quantity=("5", "WSD")))
    [line] = terms.lots[0].lines
    assert (line.quantity, line.unit, line.description) == ("5", "ZZ", "WSD: Copy paper, white")
    assert mapped(drafted)["/lots/0/lines/0/quantity"] == "5"


def test_numbers_are_exact() -> None:
    text = as_json(release()).replace(b"4500", b"4500.10").replace(b": 500", b": 0.100001")
    terms, _ = made(text.replace(b"XBX", b"KGM"))
    assert terms.budget is not None
    assert (terms.budget.amount, terms.lots[0].lines[0].quantity) == ("4500.1", "0.100001")


def test_values_of_all_lots_sum_up_to_the_budget() -> None:
    terms, _ = of(Lot(), Lot("LOT-0002", value=("0.50", "EUR")))
    assert terms.budget is not None
    assert terms.budget.amount == "4500.5"
    terms, _ = of(Lot(), Lot("LOT-0002", value=None))
    assert terms.budget is None, "the value of some lots is no budget"
    terms, drafted = of(Lot(), value=("9000", "EUR"))
    assert terms.budget is not None
    assert terms.budget.amount == "9000"
    told = [row.reason for row in drafted.report.unmapped if row.value.startswith("4500.00")]
    assert told == [Why.SAID_BEFORE]


def test_the_currency_asked_for_is_taken_where_none_is_named() -> None:
    bare = Notice([Lot(value=None)]).bytes()
    assert made(bare, "SEK")[0].currency == "SEK"
    assert made(Notice().bytes(), "SEK")[0].currency == "EUR"


def test_weights_become_points_against_the_estimated_value() -> None:
    terms, _ = of(Lot(criteria=QUALITY))
    assert terms.judging is not None
    assert terms.judging.method is Method.POINTS
    assert [
        (each.kind, each.title, Decimal(each.weight), each.reference)
        for each in terms.judging.criteria
    ] == [
        (CriterionKind.SCORED, "Service", 60, None),
        (CriterionKind.PRICE, "Price", 40, "4500"),
    ]


def test_criteria_that_lots_share_stand_once_and_others_name_their_lots() -> None:
    other = (criterion("quality", "30", "Speed"), criterion("price", "70", "Price"))
    lots = [
        Lot(criteria=QUALITY, value=None),
        Lot("LOT-0002", criteria=QUALITY, value=None),
        Lot("LOT-0003", criteria=other, value=None),
    ]
    terms, _ = of(*lots)
    assert terms.judging is not None
    assert terms.judging.method is Method.COEFFICIENT
    assert [(each.title, each.lots) for each in terms.judging.criteria] == [
        ("Service", [1, 2]),
        ("Price", [1, 2]),
        ("Speed", [3]),
        ("Price", [3]),
    ]
    terms, _ = of(*lots[:2])
    assert terms.judging is not None
    assert [each.lots for each in terms.judging.criteria] == [[], []]


@pytest.mark.parametrize(
    "criteria",
    [
        (criterion("quality", "60", "A"), criterion("price", "30", "B")),
        (criterion("quality", None, "A"), criterion("price", "100", "B")),
        (criterion("quality", "60", "A", "ord-imp"), criterion("price", "40", "B")),
        (criterion("quality", "-10", "A"), criterion("price", "110", "B")),
        (criterion("price", "50", "A"), criterion("price", "50", "B"), criterion("quality", "1")),
        tuple(criterion("quality", "1", f"Part {number}") for number in range(100)),
    ],
)
def test_weights_that_are_no_hundred_percent_are_left_to_the_buyer(
    criteria: tuple[str, ...],
) -> None:
    terms, drafted = of(Lot(criteria=criteria))
    assert terms.judging is None
    assert "criteria_unclear" in {each.code for each in drafted.report.decisions}
    told = [row for row in drafted.report.unmapped if "AwardingCriterionTypeCode" in row.source]
    assert {row.reason for row in told} == {Why.UNUSABLE}


def test_gates_stand_beside_the_lowest_price() -> None:
    gate = {"type": "quality", "name": "Recycled", "description": "Passed or failed."}
    lots = [{"id": "A", "title": "Paper", "awardCriteria": {"criteria": [gate]}}]
    terms, drafted = made(as_json(release({"lots": lots})))
    assert terms.judging is not None
    assert terms.judging.method is Method.LOWEST_PRICE
    assert [(each.kind, each.title) for each in terms.judging.criteria] == [
        (CriterionKind.GATE, "Recycled")
    ]
    assert drafted.report.decisions == []


def test_what_has_ended_or_is_asked_for_no_more_is_left_out() -> None:
    lots = [{"id": "A", "title": "Paper"}, {"id": "B", "title": "Toner", "status": "cancelled"}]
    items = [
        {"id": "1", "relatedLot": "A", "description": "A4", "quantity": 5, "unit": {"id": "XBX"}},
        {"id": "2", "relatedLot": "A", "description": "A3", "quantity": 0, "unit": {"id": "XBX"}},
        {"id": "3", "relatedLot": "B", "description": "Black", "quantity": 5},
    ]
    terms, drafted = made(as_json(release({"lots": lots, "items": items})))
    assert [[each.description for each in lot.lines] for lot in terms.lots] == [["A4"]]
    codes = {each.code for each in drafted.report.decisions}
    assert codes == {"lots_ended", "items_of_nothing"}
    assert unmapped(drafted, "/items/2/description") == [("Black", Why.NO_PLACE)]
    # Where all of it has ended, all of it is asked for once more.
    terms, _ = made(as_json(release({"lots": lots[1:], "items": items[2:]})))
    assert [lot.title for lot in terms.lots] == ["Toner"]


def test_costs_stand_for_the_price_where_there_is_none() -> None:
    costs = (criterion("quality", "60", "A"), criterion("cost", "40", "Life cycle"))
    terms, drafted = of(Lot(criteria=costs))
    assert terms.judging is not None
    assert [each.kind for each in terms.judging.criteria][1] is CriterionKind.PRICE
    assert "cost_as_price" in {each.code for each in drafted.report.decisions}


def test_documents_are_named_and_not_fetched() -> None:
    _, drafted = of(Lot(documents=(("a.pdf", "https://example.com/a.pdf"), ("b", "javascript:x"))))
    assert [(each.title, each.address) for each in drafted.report.documents] == [
        ("a.pdf", "https://example.com/a.pdf"),
        ("b", "javascript:x"),
    ]


def test_a_document_of_several_lots_is_named_once() -> None:
    same = (("a.pdf", "https://example.com/a.pdf"),)
    _, drafted = of(Lot(documents=same), Lot("LOT-0002", documents=same))
    assert len(drafted.report.documents) == 1
    assert unmapped(drafted, "cbc:URI") == []


def test_exclusion_grounds_become_requirements() -> None:
    terms, _ = of(exclusions=(("crime-org", "Fraud"), ("insolvency", "")))
    assert [each.title for each in terms.requirements] == ["crime-org: Fraud", "insolvency"]


def test_selection_criteria_become_what_bidders_bring_once_for_all_lots() -> None:
    turnover = extension(
        element(
            "efac:SelectionCriteria",
            element("cbc:TendererRequirementTypeCode", "slc-stand-turnover-gen"),
            texts("cbc:Description", {"FRA": "Chiffre", "ENG": "Turnover above 1 million"}),
        ),
        element(
            "efac:SelectionCriteria",
            element("cbc:CriterionTypeCode", "tp-abil"),
            element("cbc:CalculationExpressionCode", "not-used"),
        ),
    )
    terms, drafted = of(
        Lot(more=turnover), Lot("LOT-0002", more=turnover), exclusions=(("crime-org", "Fraud"),)
    )
    assert [(each.kind, each.title) for each in terms.requirements] == [
        (RequirementKind.EXCLUSION_GROUND, "crime-org: Fraud"),
        (RequirementKind.DOCUMENT, "slc-stand-turnover-gen: Turnover above 1 million"),
    ]
    assert [value for value, _ in unmapped(drafted, "cbc:CriterionTypeCode")] == ["tp-abil"] * 2


def test_place_and_payment_become_terms_of_the_lines() -> None:
    paid = element("cac:PaymentTerms", texts("cbc:Note", "30 days after\nthe invoice"))
    address = element(
        "cac:Address",
        element("cbc:StreetName", "1 Park Street"),
        element("cbc:CityName", "Leeds"),
        element("cbc:PostalZone", "LS1"),
        element("cac:Country", element("cbc:IdentificationCode", "GBR")),
    )
    party = element("cac:PartyIdentification", element("cbc:ID", "ORG-0001"))
    name = element("cac:PartyName", texts("cbc:Name", "City of Leeds"))
    company = element("efac:Organization", element("efac:Company", party, name))
    buyer = element("cac:ContractingParty", element("cac:Party", party))
    written = Notice(
        [Lot(more=paid), Lot("LOT-0002")],
        extension=element("efac:Organizations", company),
        head={"IssueDate": "2026-10-01Z"},
    ).xml()
    nuts = element("cbc:CountrySubentityCode", "DE212", listName="nuts")
    written = written.replace(element("cac:Address", nuts), address, 1)
    written = written.replace("<cac:ProcurementProject>", f"{buyer}<cac:ProcurementProject>", 1)
    terms, drafted = made(written.encode())
    [line] = terms.lots[0].lines
    assert line.terms is not None
    assert line.terms.payment_terms == "30 days after the invoice"
    assert line.terms.ship_to == Address(
        name="City of Leeds",
        street=["1 Park Street"],
        city="Leeds",
        country="GB",
        postal_code="LS1",
    )
    assert terms.lots[1].lines[0].terms is None
    assert mapped(drafted)["/lots/0/lines/0/terms/ship_to"] == "1 Park Street, Leeds"


def test_long_texts_are_shortened_and_said_so() -> None:
    terms, drafted = of(title="Paper " * 100)
    assert len(terms.title) == 200
    [row] = [row for row in drafted.report.mapped if row.field == "/title"]
    assert row.note == "shortened from 599 to 200 characters"
    _, drafted = of(description="x" * 100_000)
    assert max(len(row.value) for row in drafted.report.mapped) == NOTICE_VALUE_CHARACTERS_MAX


def test_a_thousand_lots_are_taken_over_and_the_rest_is_told() -> None:
    lots = [{"id": str(number), "title": f"Lot {number}"} for number in range(1_100)]
    terms, drafted = made(as_json(release({"lots": lots, "items": None})))
    assert len(terms.lots) == 1_000
    assert "too_many_lines" in {each.code for each in drafted.report.decisions}
    assert ("Lot 1099", Why.NO_PLACE) in unmapped(drafted, "/title")


def test_a_deadline_may_have_passed_when_a_notice_is_taken_over() -> None:
    past = NOW - timedelta(days=400)
    terms, _ = of(Lot(deadline=(past.strftime("%Y-%m-%dZ"), "12:00:00Z")))
    assert terms.deadline_at < NOW
