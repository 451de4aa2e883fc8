"""The words of printouts for what the API tells in codes."""

from typing import Final

from rfq.rules.awarding import Division
from rfq.rules.criteria import CriterionKind, Method
from rfq.rules.offering import AnswerForm
from rfq.rules.procedure import Kind, LotStatus, Openness, Status
from rfq.rules.settlement import AwardStatus, ProposalStatus
from rfq.rules.validity import ExtensionStatus

KINDS: Final = {
    Kind.RFI: "Request for information",
    Kind.RFQ: "Request for quotation",
    Kind.TENDER: "Tender",
}
OPENNESS: Final = {
    Openness.OPEN: "Open to every supplier",
    Openness.INVITED: "By invitation",
    Openness.MEMBERS: "Among the members of a framework",
}
STATUSES: Final = {
    Status.DRAFT: "Draft",
    Status.PUBLISHED: "Published; bids are received",
    Status.CLOSED: "Closed; bids are sealed",
    Status.OPENED: "Opened",
    Status.QUALIFICATION: "Opened; bidders are being qualified",
    Status.EVALUATION: "Opened; bids are being judged",
    Status.CONSENSUS: "Opened; the panel seeks consensus",
    Status.LOCKED: "Judged; prices are still sealed",
    Status.EVALUATED: "Judged",
    Status.AUCTION: "In auction",
    Status.AWARDED: "Awarded",
    Status.COMPLETED: "Completed",
    Status.UNSUCCESSFUL: "Ended without an award",
    Status.CANCELLED: "Cancelled",
}
LOT_STATUSES: Final = {
    LotStatus.RECEIVING: "Receiving bids",
    LotStatus.OPENED: "Opened",
    LotStatus.AUCTION: "In auction",
    LotStatus.AUCTIONED: "Auctioned",
    LotStatus.PROPOSED: "Award proposed",
    LotStatus.AWARDED: "Awarded",
    LotStatus.UNSUCCESSFUL: "Ended without an award",
}
DIVISIONS: Final = {
    Division.LOT: "Each lot to one supplier",
    Division.SHARES: "Each lot in shares by rank",
    Division.LINES: "Each line to its cheapest",
}
METHODS: Final = {
    Method.LOWEST_PRICE: "The lowest price wins",
    Method.POINTS: "The most points win",
    Method.COEFFICIENT: "The lowest price after division by its coefficient wins",
}
CRITERIA: Final = {
    CriterionKind.PRICE: "price",
    CriterionKind.SCORED: "scored",
    CriterionKind.GATE: "passed or failed",
}
ANSWERS: Final = {
    AnswerForm.TEXT: "text",
    AnswerForm.NUMBER: "number",
    AnswerForm.YES_NO: "yes or no",
    AnswerForm.CHOICE: "choice",
}
PROPOSALS: Final = {
    ProposalStatus.PROPOSED: "Proposed",
    ProposalStatus.IN_APPROVAL: "Waits for approval",
    ProposalStatus.STANDSTILL: "In standstill",
    ProposalStatus.CONTESTED: "In standstill, stopped by a complaint",
    ProposalStatus.AWARDED: "Awarded",
    ProposalStatus.REJECTED: "Rejected",
    ProposalStatus.WITHDRAWN: "Withdrawn",
}
EXTENSIONS: Final = {
    # A printout tells what happened, not what time it is.
    ExtensionStatus.ASKED: "No answer",
    ExtensionStatus.EXTENDED: "Extended",
    ExtensionStatus.REFUSED: "Not extended",
    ExtensionStatus.LAPSED: "No answer",
}
BEYOND: Final = {
    "stop": "No price beyond the quantities asked for",
    "next_price": "The next price there is",
    "split": "Split at the quantity asked for",
}
_UNITS: Final = {
    "C62": "pc",
    "H87": "pc",
    "EA": "each",
    "SET": "set",
    "PR": "pair",
    "KGM": "kg",
    "GRM": "g",
    "TNE": "t",
    "MTR": "m",
    "KMT": "km",
    "CMT": "cm",
    "MMT": "mm",
    "MTK": "m²",
    "MTQ": "m³",
    "LTR": "l",
    "MLT": "ml",
    "HUR": "h",
    "DAY": "days",
    "MON": "months",
    "ANN": "years",
    "KWH": "kWh",
    "XBX": "box",
    "XCT": "carton",
    "XPK": "package",
    "XPX": "pallet",
    "XRO": "roll",
}


def unit(code: str) -> str:
    """Give what a unit is called in print; the code itself for one that is rare."""
    return _UNITS.get(code, code)


def award_status(status: AwardStatus) -> str:
    """Give the state of an award in words."""
    return status.value.replace("_", " ").capitalize()
