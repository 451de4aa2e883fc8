"""What a release of OCDS 1.1 says, with the extensions for lots, techniques and award criteria."""

import re
from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal
from typing import Final

from rfq.ocds.codelists import AwardCriteria, ProcurementMethod, ReleaseTag, TenderStatus
from rfq.ocds.release import VERSION
from rfq.ocds.tender import KINDS, PASSED_OR_FAILED
from rfq.rules.notices.notice import FoundCriterion, FoundLine, FoundLot, FoundNotice
from rfq.rules.notices.reading import Amount, Found, Reading, duplicates, leave_variants
from rfq.rules.notices.report import NoticeFormat, Why
from rfq.rules.notices.tree import Form, Node
from rfq.rules.procedure import Kind, Openness

_CALLS: Final = frozenset(
    [ReleaseTag.TENDER, ReleaseTag.TENDER_AMENDMENT, ReleaseTag.TENDER_UPDATE, ReleaseTag.COMPILED]
)
_METHODS: Final = {
    ProcurementMethod.OPEN: Openness.OPEN,
    ProcurementMethod.SELECTIVE: Openness.INVITED,
    ProcurementMethod.LIMITED: Openness.INVITED,
    ProcurementMethod.DIRECT: Openness.INVITED,
}
_ENDED: Final = frozenset(
    [
        TenderStatus.CANCELLED,
        TenderStatus.UNSUCCESSFUL,
        TenderStatus.COMPLETE,
        TenderStatus.WITHDRAWN,
    ]
)
_PRICE_ALONE: Final = frozenset([AwardCriteria.PRICE_ONLY.value, "lowestCost"])
_TRANSLATED: Final = re.compile(r"(?P<name>.+)_[A-Za-z]{2,3}(-.+)?")
_PERCENT_OF: Final = {"percentageExact": 1, "decimalExact": 100}


def release_of(reading: Reading) -> Node | None:
    """Find the one release of a document, which may be a package of it."""
    root = reading.root
    if root.one("records") is not None:
        detail = "This is a package of records; send a release, such as its compiled one."
        reading.fault(root, "wrong_document", detail)
        return None
    package = root.one("releases")
    if package is None:
        return root
    version = _needed(reading, root, "version", "the version of OCDS")
    if version is not None and version.value != VERSION:
        detail = f"Releases of OCDS {VERSION} are read here, not of {version.value[:20]!r}."
        reading.fault(version.nodes[0], "wrong_version", detail)
    releases = _objects(reading, root, "releases")
    if not releases:
        reading.fault(package, "empty", "The package holds no release.")
        return None
    if len(releases) > 1:
        detail = f"The package holds {len(releases)} releases; send the one you mean by itself."
        reading.fault(package, "several_releases", detail)
        return None
    return releases[0]


def read_ocds(reading: Reading) -> FoundNotice:
    """Find what a release says; what is wrong in it is noted in the reading."""
    notice = FoundNotice(NoticeFormat.OCDS)
    release = release_of(reading)
    if release is None:
        return notice
    _head(reading, release, notice)
    tender = release.one("tender")
    if tender is None or tender.form is not Form.OBJECT:
        detail = "The release has no tender: there is nothing in it that could be asked for."
        reading.fault(tender or release, "no_tender", detail)
        return notice
    _needed(reading, tender, "id", "the tender's identifier")
    notice.title = reading.text(tender.one("title"))
    notice.description = reading.text(tender.one("description"))
    notice.value = _value(reading, tender)
    notice.deadline = _end(reading, tender, "tenderPeriod")
    notice.questions = _end(reading, tender, "enquiryPeriod")
    notice.openness = _openness(reading, tender)
    notice.procedure = _procedure(reading, tender)
    criteria = reading.text(tender.one("awardCriteria"))
    if criteria is not None and criteria.value in _PRICE_ALONE:
        notice.price_alone = criteria
    notice.lots = _lots(reading, tender, notice)
    _documents(reading, tender)
    _told(reading, release, tender)
    for leaf in tender.leaves():
        if _TRANSLATED.fullmatch(leaf.name):
            reading.leave(Found("", (leaf,)), Why.OTHER_LANGUAGE)
    return notice


def _head(reading: Reading, release: Node, notice: FoundNotice) -> None:
    process = _needed(reading, release, "ocid", "the identifier of the contracting process")
    identifier = _needed(reading, release, "id", "the release's identifier")
    _needed(reading, release, "date", "when it was released")
    dated = reading.instant(release.one("date"))
    initiation = _needed(reading, release, "initiationType", "how the process began")
    if initiation is not None and initiation.value != "tender":
        detail = f"A process is begun by a tender, not by {initiation.value[:60]!r}."
        reading.fault(initiation.nodes[0], "unknown_code", detail)
    language = reading.text(release.one("language"))
    tags = _tags(reading, release)
    notice.process_id = process.value if process else ""
    notice.notice_id = identifier.value if identifier else ""
    notice.dated = dated.value.isoformat() if dated else ""
    notice.language = language.value if language else "en"
    notice.kind = ", ".join(tag.value for tag in tags)
    for found in (process, identifier, dated, initiation, language, *tags):
        if found is not None:
            reading.consume(*found.nodes)


def _tags(reading: Reading, release: Node) -> list[Found[str]]:
    node = release.one("tag")
    if node is None or node.form is not Form.LIST or not node.children:
        detail = "The release does not say what it is: tag is a list of at least one code."
        reading.fault(node or release, "missing", detail)
        return []
    tags = [found for each in node.children if (found := reading.text(each)) is not None]
    for tag in tags:
        if tag.value not in set(ReleaseTag):
            detail = f"OCDS has no tag {tag.value[:60]!r} of releases."
            reading.fault(tag.nodes[0], "unknown_code", detail)
    return tags


def _needed(reading: Reading, parent: Node, name: str, what: str) -> Found[str] | None:
    node = parent.one(name)
    found = reading.code(node)
    if found is None and (node is None or node.form in (Form.TEXT, Form.NOTHING)):
        place = node or parent
        reading.fault(place, "missing", f"The notice does not say {what}: {name} is missing.")
    return found


def _objects(reading: Reading, parent: Node, name: str) -> list[Node]:
    """Give the objects of a list; none where there is no list."""
    node = parent.one(name)
    if node is None or node.form is Form.NOTHING:
        return []
    if node.form is not Form.LIST:
        reading.fault(node, "not_a_list", f"{name} has to be a list.")
        return []
    for each in node.children:
        if each.form is not Form.OBJECT:
            reading.fault(each, "not_an_object", f"Each of {name} has to be an object.")
    return [each for each in node.children if each.form is Form.OBJECT]


def _part(reading: Reading, parent: Node, name: str) -> Node | None:
    """Give an object below; None where there is none."""
    node = parent.one(name)
    if node is None or node.form is Form.NOTHING:
        return None
    if node.form is not Form.OBJECT:
        reading.fault(node, "not_an_object", f"{name} has to be an object.")
        return None
    return node


def _end(reading: Reading, parent: Node, name: str) -> Found[datetime] | None:
    period = _part(reading, parent, name)
    return reading.instant(period.one("endDate")) if period else None


def _identified(reading: Reading, parent: Node, name: str) -> list[tuple[Node, Found[str]]]:
    """Give the objects of a list with their identifiers, which have to be different."""
    found = []
    for node in _objects(reading, parent, name):
        identifier = _needed(reading, node, "id", "an identifier")
        if identifier is not None:
            found.append((node, identifier))
    for again in duplicates(each for _, each in found):
        detail = f"The identifier {again.value[:60]!r} is given twice in {name}."
        reading.fault(again.nodes[0], "twice", detail)
    return found


def _value(reading: Reading, parent: Node) -> Found[Amount] | None:
    node = _part(reading, parent, "value")
    if node is None:
        return None
    amount = reading.number(node.one("amount"))
    currency = reading.text(node.one("currency"))
    if amount is None:
        return None
    if currency is None:
        reading.fault(node, "missing", "An amount has no currency.")
        return None
    code = reading.currency(currency.nodes[0], currency.value)
    if code is None:
        return None
    return Found(Amount(amount.value, code), (*amount.nodes, *currency.nodes))


def _openness(reading: Reading, tender: Node) -> Found[Openness] | None:
    found = reading.text(tender.one("procurementMethod"))
    if found is None:
        return None
    if found.value not in _METHODS:
        detail = f"OCDS has no procurement method {found.value[:60]!r}."
        reading.fault(found.nodes[0], "unknown_code", detail)
        return None
    return Found(_METHODS[ProcurementMethod(found.value)], found.nodes)


def _procedure(reading: Reading, tender: Node) -> Found[Kind] | None:
    """Read the words our own releases have for the kind of a procedure with prices."""
    found = reading.text(tender.one("procurementMethodDetails"))
    kinds = {words: kind for kind, words in KINDS.items() if kind is not Kind.RFI}
    if found is None or found.value not in kinds:
        return None
    return Found(kinds[found.value], found.nodes)


# Lots and items


def _lots(reading: Reading, tender: Node, notice: FoundNotice) -> list[FoundLot]:
    given = _identified(reading, tender, "lots")
    ended = {found.value for node, found in given if _has_ended(reading, node)}
    if len(ended) == len(given):
        ended = set()  # all of it has: then what it was is asked for once more
    lots = [_lot(reading, node, found) for node, found in given if found.value not in ended]
    items = _identified(reading, tender, "items")
    if not lots and items:
        whole = Found(notice.title.value if notice.title else "", (tender,))
        lots = [FoundLot(whole, title=notice.title)]
    by_id = {lot.id.value: lot for lot in lots} if given else {}
    for node, _ in items:
        related = reading.code(node.one("relatedLot"))
        if related is None or related.value not in ended:
            _put_item(reading, _line(reading, node), related, lots, by_id)
    for lot in lots:
        _leave_nothings(reading, lot)
    return lots


def _put_item(
    reading: Reading,
    line: FoundLine,
    related: Found[str] | None,
    lots: list[FoundLot],
    by_id: dict[str, FoundLot],
) -> None:
    if related is not None and related.value not in by_id:
        detail = f"The item is of a lot {related.value[:60]!r}, which the tender does not have."
        reading.fault(related.nodes[0], "unknown_lot", detail)
    elif related is not None:
        reading.consume(*related.nodes)
        by_id[related.value].lines.append(line)
    elif len(lots) == 1:
        lots[0].lines.append(line)
    else:
        detail = "Items of the notice belong to no lot: they are not in the draft."
        reading.decide("items_without_lot", detail, "/lots")
        for found in (line.description, line.quantity, line.unit):
            reading.leave(found, Why.UNUSABLE)


def _has_ended(reading: Reading, lot: Node) -> bool:
    status = reading.text(lot.one("status"))
    if status is None or status.value not in _ENDED:
        return False
    detail = "Lots of the notice have ended: those that have are left out where others have not."
    reading.decide("lots_ended", detail, "/lots")
    return True


def _leave_nothings(reading: Reading, lot: FoundLot) -> None:
    """Leave out items of the quantity 0, which is how an amendment takes one back."""
    asked = [line for line in lot.lines if not (line.quantity and line.quantity.value == 0)]
    if not asked or len(asked) == len(lot.lines):
        return
    detail = "Items of the notice are asked for in the quantity 0: they are left out."
    reading.decide("items_of_nothing", detail, "/lots")
    lot.lines = asked


def _lot(reading: Reading, node: Node, found: Found[str]) -> FoundLot:
    terms = _part(reading, node, "submissionTerms")
    leave_variants(reading, terms and terms.one("variantPolicy"))
    return FoundLot(
        found,
        title=reading.text(node.one("title")),
        description=reading.text(node.one("description")),
        value=_value(reading, node),
        criteria=list(_criteria(reading, node)),
        deadline=_end(reading, node, "tenderPeriod"),
        questions=_end(reading, node, "enquiryPeriod"),
    )


def _line(reading: Reading, node: Node) -> FoundLine:
    unit = _part(reading, node, "unit")
    code = scheme = name = None
    if unit is not None:
        code = reading.code(unit.one("id"))
        scheme = reading.text(unit.one("scheme"))
        name = reading.text(unit.one("name"))
    known = code is not None and (scheme is None or scheme.value.upper() == "UNCEFACT")
    chosen = code if known else name or code
    if chosen is not None and chosen is code and scheme is not None:
        chosen = Found(chosen.value, (*chosen.nodes, *scheme.nodes))
    return FoundLine(
        description=reading.text(node.one("description")),
        quantity=reading.number(node.one("quantity")),
        unit=chosen,
    )


def _criteria(reading: Reading, lot: Node) -> Iterator[FoundCriterion]:
    criteria = _part(reading, lot, "awardCriteria")
    if criteria is None:
        return
    for node in _objects(reading, criteria, "criteria"):
        kind = reading.text(node.one("type"))
        weight, exact = _weight(reading, node)
        description = reading.text(node.one("description"))
        is_gate = weight is None and description and description.value == PASSED_OR_FAILED
        yield FoundCriterion(
            price=kind is not None and kind.value == "price",
            cost=kind is not None and kind.value == "cost",
            kind=kind,
            title=reading.text(node.one("name")) or description,
            weight=weight,
            exact=exact,
            gate=description if is_gate else None,
        )


def _weight(reading: Reading, criterion: Node) -> tuple[Found[Decimal] | None, bool]:
    for node in _objects(reading, criterion, "numbers"):
        measure = reading.text(node.one("weight"))
        number = reading.number(node.one("number"))
        factor = _PERCENT_OF.get(measure.value) if measure else None
        if measure and number and factor is not None:
            nodes = (*number.nodes, *measure.nodes)
            return Found(number.value * factor, nodes), True
    return None, False


def _documents(reading: Reading, tender: Node) -> None:
    for node, found in _identified(reading, tender, "documents"):
        reading.consume(*found.nodes)
        title, address = reading.text(node.one("title")), reading.text(node.one("url"))
        reading.name_document(node, title or found, address)


# What has no field and matters


def _told(reading: Reading, release: Node, tender: Node) -> None:
    tags = {str(each.value) for each in release.all("tag")}
    status = reading.text(tender.one("status"))
    if status is not None and status.value not in set(TenderStatus):
        detail = f"OCDS has no status {status.value[:60]!r} of tenders."
        reading.fault(status.nodes[0], "unknown_code", detail)
    if "tenderCancellation" in tags or (status is not None and status.value in _ENDED):
        detail = "The procedure of the notice has ended: see whether you want to ask once more."
        reading.decide("cancelled", detail)
    elif not tags & _CALLS:
        detail = "The notice is no call for offers: see whether its terms are those you mean."
        reading.decide("no_call", detail, "/kind")
    if tender.one("eligibilityCriteria") is not None:
        detail = "The notice says who is eligible: say in /requirements what bidders bring."
        reading.decide("selection_criteria", detail, "/requirements")
    techniques = [node for node in (tender, *tender.all("lots")) if node.one("techniques")]
    for code, flag, detail, *fields in _TECHNIQUES:
        for node in techniques:
            said = node.one("techniques", flag)
            if said is not None and said.value is True:
                reading.decide(code, detail, *fields)
    if next(tender.all("lotGroups"), None) is not None:
        detail = "The notice puts lots into groups; see whether the draft needs rules for them."
        reading.decide("lot_groups", detail, "/lots")


_TECHNIQUES: Final = (
    (
        "framework",
        "hasFrameworkAgreement",
        "The notice is of a framework agreement: put its contracts under one ceiling once awarded.",
        "/award_division",
    ),
    (
        "dynamic_purchasing_system",
        "hasDynamicPurchasingSystem",
        "The notice is of a dynamic purchasing system, which procedures here are not.",
        "/openness",
    ),
    (
        "auction",
        "hasElectronicAuction",
        "The notice announces an electronic auction: start it once bids are opened.",
    ),
)
