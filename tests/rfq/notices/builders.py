"""Notices of the variety eForms and OCDS have, built from what a test says of them."""

import json
from dataclasses import dataclass, field
from typing import Any
from xml.sax.saxutils import escape, quoteattr

UBL = "urn:oasis:names:specification:ubl:schema:xsd:"
P27 = "http://data.europa.eu/p27/eforms-ubl-extension"
NAMESPACES = {
    "cac": f"{UBL}CommonAggregateComponents-2",
    "cbc": f"{UBL}CommonBasicComponents-2",
    "ext": f"{UBL}CommonExtensionComponents-2",
    "efext": f"{P27}s/1",
    "efac": f"{P27}-aggregate-components/1",
    "efbc": f"{P27}-basic-components/1",
}
Texts = str | dict[str, str]


def element(name: str, *content: str, **attributes: str) -> str:
    """An element; its content is XML already."""
    said = "".join(f" {key}={quoteattr(value)}" for key, value in attributes.items())
    return f"<{name}{said}>{''.join(content)}</{name}>"


def texts(name: str, said: Texts | None) -> str:
    """A text in as many languages as there are; one of none is English."""
    if said is None:
        return ""
    by_language = {"ENG": said} if isinstance(said, str) else said
    return "".join(
        element(name, escape(text), languageID=language) for language, text in by_language.items()
    )


def extension(*content: str) -> str:
    """What eForms puts beside UBL."""
    inner = "".join(content)
    for name in (
        "efext:EformsExtension",
        "ext:ExtensionContent",
        "ext:UBLExtension",
        "ext:UBLExtensions",
    ):
        inner = element(name, inner)
    return inner


def criterion(
    kind: str, weight: str | None = None, title: str | None = None, code: str = "per-exa"
) -> str:
    """An award criterion with a weight."""
    parameter = ""
    if weight is not None:
        parameter = extension(
            element(
                "efac:AwardCriterionParameter",
                element("efbc:ParameterCode", code, listName="number-weight"),
                element("efbc:ParameterNumeric", weight),
            )
        )
    return element(
        "cac:SubordinateAwardingCriterion",
        parameter,
        element("cbc:AwardingCriterionTypeCode", kind, listName="award-criterion-type"),
        texts("cbc:Name", title),
    )


@dataclass
class Lot:
    """A lot of an eForms notice."""

    id: str = "LOT-0001"
    scheme: str = "Lot"
    title: Texts | None = "Paper"
    description: Texts | None = "Copy paper, white"
    quantity: tuple[str, str] | None = ("500", "XBX")
    value: tuple[str, str] | None = ("4500.00", "EUR")
    deadline: tuple[str, str | None] | None = ("2031-03-31+02:00", "12:00:00+02:00")
    questions: tuple[str, str | None] | None = None
    validity: tuple[str, str] | None = None
    criteria: tuple[str, ...] = (criterion("price"),)
    documents: tuple[tuple[str, str], ...] = ()
    framework: str = "none"
    dps: str = "none"
    auction: str = "false"
    more: str = ""

    def project(self) -> str:
        quantity = value = ""
        if self.quantity:
            quantity = element(
                "cbc:EstimatedOverallContractQuantity",
                self.quantity[0],
                unitCode=self.quantity[1],
            )
        if self.value:
            amount = element(
                "cbc:EstimatedOverallContractAmount", self.value[0], currencyID=self.value[1]
            )
            value = element("cac:RequestedTenderTotal", amount)
        return element(
            "cac:ProcurementProject",
            texts("cbc:Name", self.title),
            texts("cbc:Description", self.description),
            quantity,
            value,
            element(
                "cac:MainCommodityClassification",
                element("cbc:ItemClassificationCode", "30197630", listName="cpv"),
            ),
            element(
                "cac:RealizedLocation",
                element(
                    "cac:Address", element("cbc:CountrySubentityCode", "DE212", listName="nuts")
                ),
            ),
        )

    def terms(self) -> str:
        documents = "".join(
            element(
                "cac:CallForTendersDocumentReference",
                element("cbc:ID", escape(name)),
                element(
                    "cac:Attachment",
                    element("cac:ExternalReference", element("cbc:URI", escape(uri))),
                ),
            )
            for name, uri in self.documents
        )
        awarding = element("cac:AwardingTerms", element("cac:AwardingCriterion", *self.criteria))
        validity = ""
        if self.validity:
            measure = element("cbc:DurationMeasure", self.validity[0], unitCode=self.validity[1])
            validity = element("cac:TenderValidityPeriod", measure)
        return element(
            "cac:TenderingTerms", documents, awarding if self.criteria else "", validity, self.more
        )

    def process(self) -> str:
        def system(value: str, name: str) -> str:
            code = element("cbc:ContractingSystemTypeCode", value, listName=name)
            return element("cac:ContractingSystem", code)

        return element(
            "cac:TenderingProcess",
            period("cac:TenderSubmissionDeadlinePeriod", self.deadline),
            period("cac:AdditionalInformationRequestPeriod", self.questions),
            element("cac:AuctionTerms", element("cbc:AuctionConstraintIndicator", self.auction)),
            system(self.framework, "framework-agreement"),
            system(self.dps, "dps-usage"),
        )

    def xml(self) -> str:
        return element(
            "cac:ProcurementProjectLot",
            element("cbc:ID", self.id, schemeName=self.scheme),
            self.terms(),
            self.process(),
            self.project(),
        )


def period(name: str, said: tuple[str, str | None] | None) -> str:
    if said is None:
        return ""
    time = "" if said[1] is None else element("cbc:EndTime", said[1])
    return element(name, element("cbc:EndDate", said[0]), time)


@dataclass
class Notice:
    """An eForms notice; `head` are its elements that every notice has, None leaves one out."""

    lots: list[Lot] = field(default_factory=lambda: [Lot()])
    root: str = "ContractNotice"
    kind: str = "cn-standard"
    group: str = "competition"
    title: Texts | None = "Office supplies"
    description: Texts | None = "Paper and toner for three years"
    value: tuple[str, str] | None = None
    procedure: str = "open"
    language: str = "ENG"
    languages: tuple[str, ...] = ()
    exclusions: tuple[tuple[str, str], ...] = ()
    extension: str = ""
    head: dict[str, str | None] = field(default_factory=dict)
    namespace: str | None = None

    def xml(self) -> str:
        head: dict[str, str | None] = {
            "CustomizationID": "eforms-sdk-1.13",
            "ID": "f42be27e-09cf-4f0e-a745-63ec689631e6",
            "ContractFolderID": "4805c409-5939-4be9-8abd-837f7a5fee23",
            "IssueDate": "2026-10-01+02:00",
            "NoticeTypeCode": self.kind,
            "NoticeLanguageCode": self.language,
            **self.head,
        }
        attributes = {"NoticeTypeCode": {"listName": self.group}}
        told = "".join(
            element(f"cbc:{name}", value, **attributes.get(name, {}))
            for name, value in head.items()
            if value is not None
        )
        others = "".join(
            element("cac:AdditionalNoticeLanguage", element("cbc:ID", each))
            for each in self.languages
        )
        grounds = "".join(
            element(
                "cac:TendererQualificationRequest",
                element(
                    "cac:SpecificTendererRequirement",
                    element("cbc:TendererRequirementTypeCode", code, listName="exclusion-ground"),
                    texts("cbc:Description", said),
                ),
            )
            for code, said in self.exclusions
        )
        value = ""
        if self.value:
            amount = element(
                "cbc:EstimatedOverallContractAmount", self.value[0], currencyID=self.value[1]
            )
            value = element("cac:RequestedTenderTotal", amount)
        spaces = {f"xmlns:{prefix}": uri for prefix, uri in NAMESPACES.items()}
        return element(
            self.root,
            extension(self.extension) if self.extension else "",
            told,
            others,
            element("cac:TenderingTerms", grounds) if grounds else "",
            element(
                "cac:TenderingProcess",
                element("cbc:ProcedureCode", self.procedure, listName="procurement-procedure-type"),
            ),
            element(
                "cac:ProcurementProject",
                texts("cbc:Name", self.title),
                texts("cbc:Description", self.description),
                value,
            ),
            *(lot.xml() for lot in self.lots),
            xmlns=self.namespace or f"{UBL}{self.root}-2",
            **spaces,
        )

    def bytes(self) -> bytes:
        return f'<?xml version="1.0" encoding="UTF-8"?>\n{self.xml()}'.encode()


def release(tender: dict[str, Any] | None = None, **changes: Any) -> dict[str, Any]:
    """A release of OCDS; `tender` changes its tender, None takes a member out."""
    asked = {
        "id": "4711",
        "title": "Office supplies",
        "description": "Paper and toner for three years",
        "status": "active",
        "procurementMethod": "open",
        "awardCriteria": "priceOnly",
        "value": {"amount": 4500, "currency": "EUR"},
        "tenderPeriod": {"endDate": "2031-03-31T12:00:00+02:00"},
        "items": [
            {
                "id": "1",
                "description": "Copy paper, white",
                "classification": {"scheme": "CPV", "id": "30197630"},
                "quantity": 500,
                "unit": {"scheme": "UNCEFACT", "id": "XBX", "name": "box"},
            }
        ],
        **(tender or {}),
    }
    whole = {
        "ocid": "ocds-213czf-4711",
        "id": "4711-1",
        "date": "2026-10-01T09:00:00Z",
        "tag": ["tender"],
        "initiationType": "tender",
        "language": "en",
        "tender": {name: value for name, value in asked.items() if value is not None},
        **changes,
    }
    return {name: value for name, value in whole.items() if value is not None}


def package(*releases: dict[str, Any], **changes: Any) -> dict[str, Any]:
    """A release package."""
    return {
        "uri": "https://example.com/package.json",
        "version": "1.1",
        "publishedDate": "2026-10-01T09:00:00Z",
        "publisher": {"name": "Buyer"},
        "releases": list(releases),
        **changes,
    }


def as_json(document: Any) -> bytes:
    return json.dumps(document, ensure_ascii=False).encode()
