"""What an eForms lot says of bidders, place and payment; the comments give the business terms."""

from collections.abc import Iterator
from typing import Final

from babel.core import get_global

from rfq.rules.notices.notice import FoundPlace
from rfq.rules.notices.reading import Found, Reading
from rfq.rules.notices.tree import Node

EXTENSION: Final = (
    "ext:UBLExtensions",
    "ext:UBLExtension",
    "ext:ExtensionContent",
    "efext:EformsExtension",
)
_NOT_USED: Final = frozenset(("not-used", "not-used-yet"))


def text_of(reading: Reading, language: str, parent: Node, name: str) -> Found[str] | None:
    """Read a text in the notice's language; where it has none in it, in the first it has."""
    given = [found for node in parent.all(name) if (found := reading.text(node)) is not None]
    own = (e for e in given if e.nodes[0].attributes.get("languageID") == language)
    return next(own, given[0] if given else None)


def selection_criteria(reading: Reading, language: str, terms: Node) -> Iterator[Found[str]]:
    """Give the selection criteria of a lot, each as its type with what is said of it."""
    for node in terms.all(*EXTENSION, "efac:SelectionCriteria"):
        usage = reading.text(node.one("cbc:CalculationExpressionCode"))  # BT-748
        kind = reading.text(node.one("cbc:TendererRequirementTypeCode"))  # BT-809
        kind = kind or reading.text(node.one("cbc:CriterionTypeCode"))  # BT-747
        if kind is None or (usage is not None and usage.value in _NOT_USED):
            continue
        name = text_of(reading, language, node, "cbc:Name")  # BT-749
        said = text_of(reading, language, node, "cbc:Description")  # BT-750
        told = [each.value for each in (name, said) if each is not None]
        nodes = [each for found in (kind, usage, name, said) if found for each in found.nodes]
        yield Found(": ".join([kind.value[:60], *told]), tuple(nodes))


def payment_terms(reading: Reading, language: str, terms: Node) -> Found[str] | None:
    """Give the terms of payment of a lot (BT-77)."""
    parent = terms.one("cac:PaymentTerms")
    return None if parent is None else text_of(reading, language, parent, "cbc:Note")


def place_of(reading: Reading, project: Node) -> FoundPlace | None:
    """Give the place of performance (BT-5101 to BT-5141) where there is one, with an address."""
    places = list(project.all("cac:RealizedLocation"))
    address = places[0].one("cac:Address") if len(places) == 1 else None
    if address is None:
        return None
    lines = (
        *address.all("cbc:StreetName"),
        *address.all("cbc:AdditionalStreetName"),
        *address.all("cac:AddressLine", "cbc:Line"),
    )
    street = [found for line in lines if (found := reading.text(line)) is not None]
    city = reading.text(address.one("cbc:CityName"))
    country = reading.text(address.one("cac:Country", "cbc:IdentificationCode"))
    if not street or city is None or country is None:
        return None
    # eForms has three letters of ISO 3166-1, addresses here two.
    known = get_global("territory_aliases").get(country.value)
    if known is None:
        return None
    zone = reading.text(address.one("cbc:PostalZone"))
    parts = (*street, city, country, *((zone,) if zone else ()))
    return FoundPlace(
        street=tuple(each.value for each in street),
        city=city.value,
        postal_code=zone.value if zone else "",
        country=known[0],
        nodes=tuple(node for each in parts for node in each.nodes),
    )


def buyer_name(reading: Reading, language: str, root: Node) -> str:
    """Give the name of the first buyer (OPT-300, BT-500); empty where there is none."""
    identity = ("cac:ContractingParty", "cac:Party", "cac:PartyIdentification", "cbc:ID")
    buyer = reading.text(root.one(*identity))
    companies = root.all(*EXTENSION, "efac:Organizations", "efac:Organization", "efac:Company")
    for company in companies:
        own = reading.text(company.one("cac:PartyIdentification", "cbc:ID"))
        if buyer is not None and own is not None and own.value == buyer.value:
            parent = company.one("cac:PartyName")
            name = None if parent is None else text_of(reading, language, parent, "cbc:Name")
            return name.value if name else ""
    return ""
