"""Notices of all kinds: those that are taken over with what is left to decide, and those refused.

Each is a name, its bytes, and for a taken one the codes of its decisions, for a refused one the
codes of its reasons.
"""

from collections.abc import Iterator

from tests.rfq.notices.builders import (
    Lot,
    Notice,
    as_json,
    criterion,
    element,
    extension,
    package,
    release,
)

Named = tuple[str, bytes, set[str]]
AWARDED = element(
    "efac:NoticeResult",
    element("efac:LotResult", element("cbc:TenderResultCode", "selec-w")),
)
CANCELS = element(
    "efac:Changes",
    element("efbc:ChangedNoticeIdentifier", "1234"),
    element("efac:ChangeReason", element("cbc:ReasonCode", "cancel")),
)
CHANGES = element("efac:Changes", element("efbc:ChangedNoticeIdentifier", "1234"))
QUALITY = (criterion("quality", "60", "Service"), criterion("price", "40", "Price"))


def taken() -> Iterator[Named]:
    """Give notices that become drafts."""
    yield from of_all_kinds()
    yield from of_all_times()
    yield from of_all_values()
    yield from of_all_encodings()
    yield from taken_releases()


def of_all_kinds() -> Iterator[Named]:
    """Give eForms notices of different kinds and shapes."""
    yield "contract notice", Notice().bytes(), set()
    two = [
        Lot("LOT-0001", documents=(("specification.pdf", "https://example.com/spec.pdf"),)),
        Lot("LOT-0002", title="Toner", quantity=("30", "C62")),
    ]
    yield "two lots with documents", Notice(two).bytes(), {"documents"}
    group = Lot("GLO-0001", scheme="LotsGroup", title="Both")
    yield "lots in a group", Notice([*two, group]).bytes(), {"documents", "lot_groups"}
    by_language = {"DEU": "Bürobedarf", "FRA": "Fournitures", "ENG": "Supplies"}
    multilingual = Notice(
        [Lot(title=by_language)], title=by_language, language="DEU", languages=("FRA", "ENG")
    )
    yield "in three languages", multilingual.bytes(), set()
    announced = Notice(
        [Lot("PAR-0001", scheme="Part", deadline=None)],
        root="PriorInformationNotice",
        kind="pin-only",
        group="planning",
        procedure="restricted",
    )
    told = {"no_call", "deadline_missing", "invitations"}
    yield "prior information in parts", announced.bytes(), told
    award = Notice(
        [Lot(deadline=None, criteria=())],
        root="ContractAwardNotice",
        kind="can-standard",
        group="result",
        extension=AWARDED,
    )
    yield "award notice", award.bytes(), {"no_call", "deadline_missing", "criteria_missing"}
    yield "change notice", Notice(extension=CHANGES).bytes(), {"no_call"}
    yield "cancelling notice", Notice(extension=CANCELS).bytes(), {"cancelled"}
    yield "framework", Notice([Lot(framework="fa-wo-rc")]).bytes(), {"framework"}
    dps = {"dynamic_purchasing_system"}
    yield "dynamic purchasing system", Notice([Lot(dps="dps-nlist")]).bytes(), dps
    yield "with an auction", Notice([Lot(auction="true")]).bytes(), {"auction"}
    negotiated = {"procedure_type", "invitations"}
    yield "negotiated procedure", Notice(procedure="neg-w-call").bytes(), negotiated
    asked = element("efac:SelectionCriteria", element("cbc:TendererRequirementTypeCode", "slc"))
    selecting = Notice([Lot(more=extension(asked))])
    yield "selection criteria", selecting.bytes(), {"selection_criteria"}
    other = Notice([Lot(more=element("cbc:VariantConstraintCode", "allowed"))])
    yield "variants", other.bytes(), {"variants"}
    grounds = Notice(exclusions=(("crime-org", "Fraud"), ("corruption", "Bribes")))
    yield "exclusion grounds", grounds.bytes(), set()
    yield "no title", Notice(title=None).bytes(), {"title_missing"}


def of_all_times() -> Iterator[Named]:
    """Give eForms notices with deadlines, and without."""
    yield "no deadline", Notice([Lot(deadline=None)]).bytes(), {"deadline_missing"}
    past = Lot(deadline=("2020-02-04+02:00", "10:00:00+02:00"))
    yield "deadline passed", Notice([past]).bytes(), {"deadline_passed"}
    day = Lot(deadline=("2031-03-31", None))
    yield "a day and no zone", Notice([day]).bytes(), {"time_missing", "time_zone_missing"}
    apart = Lot(deadline=("2031-03-31+02:00", "12:00:00Z"))
    yield "offsets that differ", Notice([apart]).bytes(), {"offsets_differ"}
    later = Lot("LOT-0002", deadline=("2031-04-30Z", "24:00:00Z"), validity=("3", "MONTH"))
    yield "deadlines that differ", Notice([Lot(), later]).bytes(), {"deadlines_differ"}
    late = Lot(questions=("2031-05-01Z", "12:00:00Z"))
    yield "questions after the deadline", Notice([late]).bytes(), {"questions_after_deadline"}
    yield (
        "no lot",
        Notice([]).bytes(),
        {
            "lots_missing",
            "quantity_missing",
            "deadline_missing",
            "criteria_missing",
            "currency_missing",
        },
    )


def of_all_values() -> Iterator[Named]:
    """Give eForms notices with values, quantities and criteria that do not fit."""
    foreign = Notice([Lot(), Lot("LOT-0002", value=("1000000", "ISK"))])
    yield "two currencies", foreign.bytes(), {"budget_unusable"}
    withdrawn = Notice([Lot(value=("1000", "DEM"))])
    yield "a currency out of use", withdrawn.bytes(), {"budget_unusable", "currency_missing"}
    yield "an unknown unit", Notice([Lot(quantity=("5", "WSD"))]).bytes(), {"unit_unknown"}
    yield "half a piece", Notice([Lot(quantity=("2.5", "C62"))]).bytes(), {"unit_unknown"}
    yield "huge quantity", Notice([Lot(quantity=("9" * 400, "KGM"))]).bytes(), {"quantity_unusable"}
    yield "nothing of it", Notice([Lot(quantity=("0", "KGM"))]).bytes(), {"quantity_unusable"}
    huge = Notice([Lot(value=("1" + "0" * 30, "EUR"))])
    yield "huge value", huge.bytes(), {"budget_unusable"}
    long = Notice(title="Paper " * 400, description="Toner " * 4000)
    yield "huge texts", long.bytes(), {"texts_shortened"}
    yield "points", Notice([Lot(criteria=QUALITY)]).bytes(), {"price_formula"}
    unpriced = Notice([Lot(criteria=QUALITY, value=None)])
    yield "a coefficient", unpriced.bytes(), {"price_formula", "currency_missing"}
    ordered = (criterion("quality", "1", code="ord-imp"), criterion("price", "2", code="ord-imp"))
    yield "criteria by importance", Notice([Lot(criteria=ordered)]).bytes(), {"criteria_unclear"}


def of_all_encodings() -> Iterator[Named]:
    """Give eForms notices written in different ways."""
    utf16 = Notice(title="Bürobedarf Ω").xml()
    yield "UTF-16", utf16.encode("utf-16"), set()
    latin = Notice(title="Bürobedarf").xml()
    declared = f'<?xml version="1.0" encoding="ISO-8859-1"?>{latin}'
    yield "ISO 8859-1", declared.encode("latin-1"), set()
    yield "byte order mark", b"\xef\xbb\xbf" + Notice().bytes(), set()
    yield "other elements", Notice([Lot(more='<x:y xmlns:x="urn:x">z</x:y>')]).bytes(), set()


def taken_releases() -> Iterator[Named]:
    """Give releases that become drafts."""
    yield "release", as_json(release()), set()
    yield "package of one", as_json(package(release())), set()
    lots = {
        "lots": [{"id": "A", "title": "Paper"}, {"id": "B", "title": "Toner"}],
        "items": [
            {"id": "1", "relatedLot": "A", "description": "A4", "quantity": 1.5, "unit": {}},
            {"id": "2", "relatedLot": "B", "description": "Black", "quantity": 3},
            {"id": "3", "description": "Of none"},
        ],
    }
    without = {"unit_unknown", "items_without_lot"}
    yield "lots and items", as_json(release(lots)), without
    rated = {
        "awardCriteria": "ratedCriteria",
        "lots": [
            {
                "id": "A",
                "title": "Paper",
                "value": {"amount": 900.5, "currency": "EUR"},
                "awardCriteria": {
                    "criteria": [
                        {
                            "type": "price",
                            "name": "Price",
                            "numbers": [{"number": 0.7, "weight": "decimalExact"}],
                        },
                        {
                            "type": "quality",
                            "name": "Delivery",
                            "numbers": [{"number": 0.3, "weight": "decimalExact"}],
                        },
                    ]
                },
            }
        ],
    }
    yield "rated criteria", as_json(release(rated)), {"price_formula"}
    yield "no items", as_json(release({"items": None})), {"lots_missing", "quantity_missing"}
    empty = release({"title": None, "description": None, "procurementMethod": None})
    least = {"title_missing", "lot_title_missing", "openness_missing"}
    yield "hardly anything", as_json(empty), least
    over = release({"status": "cancelled"}, tag=["tenderCancellation"])
    yield "cancelled release", as_json(over), {"cancelled"}
    yield "award release", as_json(release(tag=["award"])), {"no_call"}
    flags = {"hasFrameworkAgreement": True, "hasElectronicAuction": True}
    yield "techniques", as_json(release({"techniques": flags})), {"framework", "auction"}
    papers = {"documents": [{"id": "1", "title": "Drawing", "url": "https://example.com/1.pdf"}]}
    yield "documents", as_json(release(papers)), {"documents"}
    yield "exponents", as_json(release()).replace(b"500", b"5e2"), set()
    tiny = as_json(release()).replace(b'"quantity": 500', b'"quantity": 1e-999999')
    yield "next to nothing", tiny, {"quantity_unusable"}
    yield "NUL in a text", as_json(release({"title": "Paper\u0000and toner"})), set()


def refused() -> Iterator[Named]:
    """Give what is refused, with the codes of its reasons."""
    whole = Notice().bytes()
    yield "empty", b"", {"empty"}
    yield "blank", b" \n\t", {"empty"}
    yield "a PDF", b"%PDF-1.7\n", {"not_recognised"}
    yield "truncated", whole[: len(whole) // 2], {"broken"}
    yield "other root", b"<Invoice/>", {"wrong_document"}
    yield "old TED schema", b'<TED_EXPORT xmlns="ted/R2.0.9.S05"/>', {"wrong_document"}
    yield "wrong namespace", Notice(namespace="urn:x").bytes(), {"wrong_namespace"}
    swapped = f"{NAMESPACE}PriorInformationNotice-2"
    yield "another root's namespace", Notice(namespace=swapped).bytes(), {"wrong_namespace"}
    yield (
        "another profile",
        Notice(head={"CustomizationID": "urn:fdc:peppol"}).bytes(),
        {"not_eforms"},
    )
    bare = dict.fromkeys(("ID", "NoticeTypeCode", "NoticeLanguageCode", "IssueDate"))
    yield "no head", Notice(head=bare).bytes(), {"missing"}
    yield "lots with one identifier", Notice([Lot(), Lot()]).bytes(), {"twice"}
    wrong = Lot(
        deadline=("2031-02-30Z", "12:00:00Z"), quantity=("much", "KGM"), value=("NaN", "euro")
    )
    yield (
        "many things wrong",
        Notice([wrong], procedure="open-ish").bytes(),
        {
            "not_a_date",
            "not_a_number",
            "unknown_code",
        },
    )
    yield "an amount of no currency", Notice([Lot(value=("5", ""))]).bytes(), {"not_a_currency"}
    bomb = '<!DOCTYPE x [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;">]>'
    yield "billion laughs", (bomb + Notice(title="&b;").xml()).encode(), {"entities_refused"}
    external = '<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]>' + Notice().xml()
    yield "external entity", external.encode(), {"entities_refused"}
    yield "external entity in UTF-16", external.encode("utf-16"), {"entities_refused"}
    named = '<!DOCTYPE ContractNotice SYSTEM "http://example.com/x.dtd">' + Notice().xml()
    yield "a DOCTYPE", named.encode(), {"doctype_refused"}
    deep = Notice([Lot(more="<a>" * 70 + "</a>" * 70)])
    yield "deep nesting", deep.bytes(), {"too_deep"}
    yield "very deep nesting", b"<a>" * 50_000, {"broken", "too_deep"}
    yield "far too many elements", Notice([Lot(more="<a/>" * 50_001)]).bytes(), {"too_many_parts"}
    yield from refused_releases()


NAMESPACE = "urn:oasis:names:specification:ubl:schema:xsd:"


def refused_releases() -> Iterator[Named]:
    """Give JSON that is refused."""
    yield "a list", b"[]", {"not_recognised"}
    yield "truncated JSON", as_json(release())[:200], {"broken"}
    yield "several releases", as_json(package(release(), release())), {"several_releases"}
    yield "no release", as_json(package()), {"empty"}
    yield "records", as_json({"version": "1.1", "records": [{}]}), {"wrong_document"}
    yield "OCDS 1.0", as_json(package(release(), version="1.0")), {"wrong_version"}
    yield "an empty object", b"{}", {"missing", "no_tender"}
    yield (
        "no tender",
        as_json(release(tag=["planning"], tender=None) | {"tender": None}),
        {"no_tender"},
    )
    twice = as_json(release()).replace(b'"title"', b'"title": "Other", "title"')
    yield "a name twice", twice, {"name_twice"}
    yield "NaN", as_json(release()).replace(b"4500", b"NaN"), {"not_a_number"}
    beyond = as_json(release()).replace(b"4500", b"1e99999999999999999999")
    yield "a number beyond numbers", beyond, {"not_a_number"}
    yield "half a character", rb'{"ocid": "\ud800"}', {"encoding"}
    yield "not UTF-8", '{"ocid": "ü"}'.encode("latin-1"), {"encoding"}
    yield "nested JSON", b'{"a":' * 100 + b"1" + b"}" * 100, {"too_deep"}
    yield "very nested JSON", b'{"a":' * 100_000 + b"1", {"too_deep"}
    yield "far too many parts", b'{"a": [' + b"0," * 60_000 + b"0]}", {"too_many_parts"}
    same = {"lots": [{"id": "A"}, {"id": "A"}]}
    yield "lots with one id", as_json(release(same)), {"twice"}
    lost = {"lots": [{"id": "A"}], "items": [{"id": "1", "relatedLot": "B"}]}
    yield "an item of no lot", as_json(release(lost)), {"unknown_lot"}
    wrong = {
        "title": 5,
        "items": {},
        "lots": ["A"],
        "value": "much",
        "procurementMethod": "none",
        "tenderPeriod": {"endDate": "2031-03-31"},
        "status": "over",
    }
    yield (
        "wrong types",
        as_json(release(wrong, tag=["call"], initiationType="x")),
        {
            "not_a_text",
            "not_a_list",
            "not_an_object",
            "unknown_code",
            "not_an_instant",
        },
    )
    yield (
        "an amount of no currency in JSON",
        as_json(release({"value": {"amount": 5}})),
        {"missing"},
    )
