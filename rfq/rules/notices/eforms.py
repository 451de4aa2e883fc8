"""What an eForms notice says (TED XML, UBL 2.3): the parts of it that procedures have a place for.

Names of elements are of UBL and of the eForms SDK; the comments give the business terms (BT).
"""

from collections.abc import Iterator
from datetime import datetime
from typing import Final

from rfq.rules.notices.eforms_terms import (
    EXTENSION,
    buyer_name,
    payment_terms,
    place_of,
    selection_criteria,
    text_of,
)
from rfq.rules.notices.notice import FoundCriterion, FoundLine, FoundLot, FoundNotice, Months
from rfq.rules.notices.reading import Amount, Found, Reading, duplicates, leave_variants
from rfq.rules.notices.report import NoticeFormat, Why
from rfq.rules.notices.tree import Form, Node
from rfq.rules.procedure import Openness

_UBL: Final = "urn:oasis:names:specification:ubl:schema:xsd:"
_P27: Final = "http://data.europa.eu/p27/eforms-ubl-extension"
ROOTS: Final = ("ContractNotice", "ContractAwardNotice", "PriorInformationNotice")
ROOT_NAMESPACES: Final = {f"{_UBL}{root}-2": root for root in ROOTS}
PREFIXES: Final = {
    f"{_UBL}CommonBasicComponents-2": "cbc:",
    f"{_UBL}CommonAggregateComponents-2": "cac:",
    f"{_UBL}CommonExtensionComponents-2": "ext:",
    f"{_P27}s/1": "efext:",
    f"{_P27}-aggregate-components/1": "efac:",
    f"{_P27}-basic-components/1": "efbc:",
    **dict.fromkeys(ROOT_NAMESPACES, ""),
}
"""How elements are named here, whatever the notice calls their namespaces."""

_PROJECT: Final = "cac:ProcurementProject"
_TERMS: Final = "cac:TenderingTerms"
_PROCESS: Final = "cac:TenderingProcess"
_LOT: Final = "cac:ProcurementProjectLot"
_LOT_SCHEMES: Final = ("Lot", "Part", "LotsGroup")
_OPEN: Final = "open"
_PROCEDURES: Final = frozenset(
    (
        "open restricted neg-w-call neg-wo-call comp-dial innovation comp-tend oth-single oth-mult "
        "exp-int-rail"
    ).split()
)
_LENGTHS: Final = {
    "DAY": Months(days=1),
    "WEEK": Months(days=7),
    "MONTH": Months(months=1),
    "YEAR": Months(months=12),
}
_NO_CALL: Final = {
    "planning": "The notice announces a procedure that is not begun yet.",
    "consultation": "The notice asks the market, and for no offers yet.",
    "result": "The notice tells of a result: the draft asks for the same once more.",
    "dir-awa-pre": "The notice tells of an award without a call: the draft would ask for offers.",
    "cont-modif": "The notice tells of a changed contract: the draft asks for the same once more.",
    "change": "The notice changes another one: the draft has the terms as they stand in this one.",
    "completion": "The notice tells that a contract is completed: the draft asks once more.",
}


def read_eforms(reading: Reading) -> FoundNotice:
    """Find what a notice says; what is wrong in it is noted in the reading."""
    root = reading.root
    notice = FoundNotice(NoticeFormat.EFORMS)
    _head(reading, notice)
    project = root.one(_PROJECT)
    if project is not None:
        notice.title = _text(reading, notice, project, "cbc:Name")  # BT-21
        notice.description = _text(reading, notice, project, "cbc:Description")  # BT-24
        notice.value = _value(reading, project)  # BT-27
        notice.place = place_of(reading, project)
    notice.buyer = buyer_name(reading, notice.language, root)
    notice.openness = _openness(reading, root)  # BT-105
    _lots(reading, notice)
    notice.exclusions = list(_exclusions(reading, notice))  # BT-67
    _told(reading)
    for leaf in root.leaves():
        if leaf.attributes.get("languageID", notice.language) != notice.language:
            reading.leave(Found("", (leaf,)), Why.OTHER_LANGUAGE)
    return notice


def _head(reading: Reading, notice: FoundNotice) -> None:
    root = reading.root
    profile = _needed(reading, "cbc:CustomizationID", "the version of the eForms SDK")
    if profile is not None and not profile.value.startswith("eforms-sdk-"):
        detail = f"This is a UBL notice of another profile, {profile.value[:60]!r}, not of eForms."
        reading.fault(profile.nodes[0], "not_eforms", detail)
    identifier = _needed(reading, "cbc:ID", "the notice's identifier (BT-701)")
    kind = _needed(reading, "cbc:NoticeTypeCode", "the type of the notice (BT-02)")
    language = _needed(reading, "cbc:NoticeLanguageCode", "the notice's language (BT-702)")
    _needed(reading, "cbc:IssueDate", "the day of its dispatch (BT-05)")
    dated = reading.day(root.one("cbc:IssueDate"))
    folder = reading.text(root.one("cbc:ContractFolderID"))
    others = [
        found
        for node in root.all("cac:AdditionalNoticeLanguage", "cbc:ID")
        if (found := reading.text(node)) is not None
    ]
    notice.notice_id = identifier.value if identifier else ""
    notice.process_id = folder.value if folder else ""
    notice.kind = kind.value if kind else ""
    notice.language = language.value if language else ""
    notice.dated = dated.value if dated else ""
    notice.other_languages = [each.value for each in others]
    for found in (profile, identifier, kind, language, dated, folder, *others):
        if found is not None:
            reading.consume(*found.nodes)


def _needed(reading: Reading, name: str, what: str) -> Found[str] | None:
    node = reading.root.one(name)
    found = reading.text(node)
    if found is None and (node is None or node.form is Form.TEXT):
        place = node or reading.root
        reading.fault(place, "missing", f"The notice does not say {what}: {name} is missing.")
    return found


def _text(reading: Reading, notice: FoundNotice, parent: Node, name: str) -> Found[str] | None:
    return text_of(reading, notice.language, parent, name)


def _value(reading: Reading, project: Node) -> Found[Amount] | None:
    node = project.one("cac:RequestedTenderTotal", "cbc:EstimatedOverallContractAmount")
    found = reading.number(node)
    if node is None or found is None:
        return None
    currency = reading.currency(node, node.attributes.get("currencyID", ""))
    return None if currency is None else Found(Amount(found.value, currency), (node,))


def _openness(reading: Reading, root: Node) -> Found[Openness] | None:
    found = reading.text(root.one(_PROCESS, "cbc:ProcedureCode"))
    if found is None:
        return None
    if found.value not in _PROCEDURES:
        detail = f"eForms has no type of procedure {found.value[:60]!r}."
        reading.fault(found.nodes[0], "unknown_code", detail)
        return None
    if found.value not in {_OPEN, "restricted"}:
        detail = (
            f"The notice is of the procedure {found.value!r}: dialogue, negotiation or stages are "
            "for you to lay down."
        )
        reading.decide("procedure_type", detail, "/kind", "/openness")
    openness = Openness.OPEN if found.value == _OPEN else Openness.INVITED
    return Found(openness, found.nodes)


# Lots


def _lots(reading: Reading, notice: FoundNotice) -> None:
    ids: list[Found[str]] = []
    for node in reading.root.all(_LOT):
        found = reading.text(node.one("cbc:ID"))
        if found is None:
            reading.fault(node, "missing", "A lot has no identifier (BT-137).")
            continue
        ids.append(found)
        scheme = found.nodes[0].attributes.get("schemeName", "Lot")
        if scheme not in _LOT_SCHEMES:
            detail = f"A lot is a Lot, a Part or a LotsGroup, not {scheme[:60]!r}."
            reading.fault(found.nodes[0], "unknown_code", detail)
        elif scheme == "LotsGroup":
            detail = "The notice puts lots into groups; see whether the draft needs rules for them."
            reading.decide("lot_groups", detail, "/lots")
        else:
            notice.lots.append(_lot(reading, notice, node, found))
    for again in duplicates(ids):
        detail = f"The identifier {again.value[:60]!r} is given to two lots."
        reading.fault(again.nodes[0], "twice", detail)


def _lot(reading: Reading, notice: FoundNotice, node: Node, found: Found[str]) -> FoundLot:
    lot = FoundLot(found)
    project = node.one(_PROJECT)
    if project is not None:
        lot.title = _text(reading, notice, project, "cbc:Name")
        lot.description = _text(reading, notice, project, "cbc:Description")
        lot.value = _value(reading, project)
        lot.lines = list(_line(reading, project))
        lot.place = place_of(reading, project)
        _contract(reading, project)
    process = node.one(_PROCESS)
    if process is not None:
        lot.deadline = _period(  # BT-131
            reading, process, "cac:TenderSubmissionDeadlinePeriod", "/deadline_at"
        )
        lot.questions = _period(  # BT-13
            reading, process, "cac:AdditionalInformationRequestPeriod", "/questions_until"
        )
        _techniques(reading, process)
    terms = node.one(_TERMS)
    if terms is not None:
        lot.validity = _validity(reading, terms)  # BT-98
        lot.criteria = list(_criteria(reading, notice, terms))
        _documents(reading, terms)
        lot.selection = list(selection_criteria(reading, notice.language, terms))
        lot.payment = payment_terms(reading, notice.language, terms)
        leave_variants(reading, terms.one("cbc:VariantConstraintCode"))  # BT-63
    return lot


def _line(reading: Reading, project: Node) -> Iterator[FoundLine]:
    node = project.one("cbc:EstimatedOverallContractQuantity")  # BT-25, BT-625
    quantity = reading.number(node)
    if node is None or quantity is None:
        return
    code = node.attributes.get("unitCode", "")
    yield FoundLine(quantity=quantity, unit=Found(code, (node,)) if code else None)


def _period(reading: Reading, process: Node, name: str, field: str) -> Found[datetime] | None:
    period = process.one(name)
    if period is None:
        return None
    return reading.day_and_time(period.one("cbc:EndDate"), period.one("cbc:EndTime"), field)


def _contract(reading: Reading, project: Node) -> None:
    """Tell of the days of the contract (BT-36, BT-536, BT-537), which are said at the award."""
    names = ("cbc:StartDate", "cbc:EndDate", "cbc:DurationMeasure")
    if any(project.one("cac:PlannedPeriod", name) is not None for name in names):
        detail = (
            "The notice says from when on or how long the contract runs: put these days when you "
            "award, and into the description what bidders are to reckon with."
        )
        reading.decide("contract_period", detail, "/description")


def _validity(reading: Reading, terms: Node) -> Found[Months] | None:
    node = terms.one("cac:TenderValidityPeriod", "cbc:DurationMeasure")
    found = reading.number(node)
    unit = _LENGTHS.get(node.attributes.get("unitCode", "")) if node else None
    if found is None or unit is None:
        return None
    count = found.value
    if not 0 < count <= 10_000 or count != int(count):  # noqa: PLR2004 - no calendar is longer
        return None
    return Found(Months(unit.months * int(count), unit.days * int(count)), found.nodes)


def _criteria(reading: Reading, notice: FoundNotice, terms: Node) -> Iterator[FoundCriterion]:
    for node in terms.all(
        "cac:AwardingTerms", "cac:AwardingCriterion", "cac:SubordinateAwardingCriterion"
    ):
        kind = reading.text(node.one("cbc:AwardingCriterionTypeCode"))  # BT-539
        parameter = node.one(*EXTENSION, "efac:AwardCriterionParameter")
        number = reading.number(parameter and parameter.one("efbc:ParameterNumeric"))  # BT-541
        code = reading.text(parameter and parameter.one("efbc:ParameterCode"))
        exact = {"per-exa": 1, "dec-exa": 100}.get(code.value if code else "", 0)
        name = _text(reading, notice, node, "cbc:Name")  # BT-734
        description = _text(reading, notice, node, "cbc:Description")  # BT-540
        weight = None
        if number is not None:
            nodes = (*number.nodes, *(code.nodes if code else ()))
            weight = Found(number.value * (exact or 1), nodes)
        yield FoundCriterion(
            price=kind is not None and kind.value == "price",
            cost=kind is not None and kind.value == "cost",
            kind=kind,
            title=name or description,
            weight=weight,
            exact=bool(exact),
        )


def _documents(reading: Reading, terms: Node) -> None:
    for node in terms.all("cac:CallForTendersDocumentReference"):  # BT-15, BT-615
        name = reading.text(node.one("cbc:ID"))
        uri = reading.text(node.one("cac:Attachment", "cac:ExternalReference", "cbc:URI"))
        reading.name_document(node, name, uri)


def _exclusions(reading: Reading, notice: FoundNotice) -> Iterator[Found[str]]:
    for node in reading.root.all(
        _TERMS, "cac:TendererQualificationRequest", "cac:SpecificTendererRequirement"
    ):
        code = reading.text(node.one("cbc:TendererRequirementTypeCode"))
        if code is None or code.nodes[0].attributes.get("listName") != "exclusion-ground":
            continue
        said = _text(reading, notice, node, "cbc:Description")
        text = f"{code.value[:60]}: {said.value}" if said else code.value
        yield Found(text, (*code.nodes, *(said.nodes if said else ())))


# What has no field and matters


def _techniques(reading: Reading, process: Node) -> None:
    for node in process.all("cac:ContractingSystem", "cbc:ContractingSystemTypeCode"):
        value = str(node.value or "").strip()
        if value in {"", "none"}:
            continue
        if node.attributes.get("listName") == "dps-usage":
            detail = "The notice is of a dynamic purchasing system, which procedures here are not."
            reading.decide("dynamic_purchasing_system", detail, "/openness")
        else:
            detail = (
                "The notice is of a framework agreement: put the contracts under one ceiling once "
                "they are awarded."
            )
            reading.decide("framework", detail, "/award_division")
    auction = process.one("cac:AuctionTerms", "cbc:AuctionConstraintIndicator")
    if auction is not None and str(auction.value).strip() in {"true", "1"}:
        detail = "The notice announces an electronic auction: start it once bids are opened."
        reading.decide("auction", detail)


def _told(reading: Reading) -> None:
    """Say what kind of notice it is where it is no call for offers."""
    kind = reading.root.one("cbc:NoticeTypeCode")
    group = kind.attributes.get("listName", "") if kind else ""
    if group in _NO_CALL:
        reading.decide("no_call", _NO_CALL[group], "/kind")
    changes = reading.root.one(*EXTENSION, "efac:Changes")
    if changes is None:
        return
    reason = changes.one("efac:ChangeReason", "cbc:ReasonCode")  # BT-140
    if reason is not None and str(reason.value).strip() == "cancel":
        detail = "The notice cancels the procedure: see whether you want to ask once more."
        reading.decide("cancelled", detail)
    else:
        reading.decide("no_call", _NO_CALL["change"], "/kind")
