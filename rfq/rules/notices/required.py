"""What a notice requires of bidders and of each delivery, as the draft has it."""

from collections.abc import Sequence
from typing import Any, Final

from marketplace.kernel.limits import REQUIREMENTS_MAX
from rfq.rules.notices.notice import FoundLot, FoundNotice
from rfq.rules.notices.reading import Found, Reading, one_line
from rfq.rules.qualification import RequirementKind

STREET_LINES_MAX: Final = 4


def put_line(reading: Reading, found: Found[str] | None, field: str) -> str:
    """Put a text into a field of one line; empty where there is none."""
    if found is None:
        return ""
    line = one_line(found.value)
    if not line:
        return ""
    whole = " ".join(found.value.split())
    reading.take(found, field, line, shortened(reading, whole, line, field))
    return line


def shortened(reading: Reading, whole: str, put: str, field: str) -> str | None:
    """Tell the buyer where a text was too long; None where it was not."""
    if len(whole) <= len(put):
        return None
    detail = "Texts are longer in the notice than they may be here: see that nothing is missed."
    reading.decide("texts_shortened", detail, field)
    return f"shortened from {len(whole)} to {len(put)} characters"


def requirements(
    notice: FoundNotice, lots: Sequence[FoundLot], reading: Reading
) -> list[dict[str, str]]:
    """Put the exclusion grounds, and the selection criteria as what bidders bring to show them.

    What several lots require stands once: a procedure's requirements are for all of them.
    """
    kept: dict[tuple[str, str], dict[str, str]] = {}
    selection = [each for lot in lots for each in lot.selection]
    found = [
        *((RequirementKind.EXCLUSION_GROUND, each) for each in notice.exclusions),
        *((RequirementKind.DOCUMENT, each) for each in selection),
    ]
    for kind, each in found:
        key = kind.value, one_line(each.value)
        if key in kept:
            reading.consume(*each.nodes)
            continue
        if len(kept) >= REQUIREMENTS_MAX:
            detail = f"The draft has the first {REQUIREMENTS_MAX} requirements of the notice."
            reading.decide("too_many_requirements", detail, "/requirements")
            break
        title = put_line(reading, each, f"/requirements/{len(kept)}/title")
        if title:
            kept[key] = {"kind": kind.value, "title": title}
    if selection:
        detail = (
            "Selection criteria of the notice stand among the requirements as what each bidder "
            "brings, for all lots: say what shows that he meets them."
        )
        reading.decide("selection_criteria", detail, "/requirements")
    return list(kept.values())


def line_terms(reading: Reading, notice: FoundNotice, lot: FoundLot, field: str) -> dict[str, Any]:
    """Give the terms of delivery and payment of a lot's lines, as far as the notice says them."""
    terms: dict[str, Any] = {}
    if lot.payment is not None:
        words = put_line(reading, lot.payment, f"{field}/payment_terms")
        if words:
            terms["payment_terms"] = words
    place, name = lot.place or notice.place, one_line(notice.buyer)
    if place is not None and name:
        street = [line for each in place.street[:STREET_LINES_MAX] if (line := one_line(each))]
        city = one_line(place.city)
        if street and city:
            terms["ship_to"] = {
                "name": name,
                "street": street,
                "city": city,
                "country": place.country,
                "postal_code": one_line(place.postal_code),
            }
            found = Found("", place.nodes)
            reading.take(found, f"{field}/ship_to", f"{', '.join(street)}, {city}")
    return terms
