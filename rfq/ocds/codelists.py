"""Codes of the standard's closed and open codelists that are written or read here."""

from enum import StrEnum


class ReleaseTag(StrEnum):
    """What a release is about (releaseTag)."""

    PLANNING = "planning"
    PLANNING_UPDATE = "planningUpdate"
    TENDER = "tender"
    TENDER_AMENDMENT = "tenderAmendment"
    TENDER_UPDATE = "tenderUpdate"
    TENDER_CANCELLATION = "tenderCancellation"
    AWARD = "award"
    AWARD_UPDATE = "awardUpdate"
    AWARD_CANCELLATION = "awardCancellation"
    CONTRACT = "contract"
    CONTRACT_UPDATE = "contractUpdate"
    CONTRACT_AMENDMENT = "contractAmendment"
    IMPLEMENTATION = "implementation"
    IMPLEMENTATION_UPDATE = "implementationUpdate"
    CONTRACT_TERMINATION = "contractTermination"
    COMPILED = "compiled"


class TenderStatus(StrEnum):
    """Where a tender or a lot stands (tenderStatus)."""

    PLANNING = "planning"
    PLANNED = "planned"
    ACTIVE = "active"
    CANCELLED = "cancelled"
    UNSUCCESSFUL = "unsuccessful"
    COMPLETE = "complete"
    WITHDRAWN = "withdrawn"


class AwardStatus(StrEnum):
    """Where an award stands (awardStatus)."""

    PENDING = "pending"
    ACTIVE = "active"
    CANCELLED = "cancelled"
    UNSUCCESSFUL = "unsuccessful"


class ContractStatus(StrEnum):
    """Where a contract stands (contractStatus)."""

    PENDING = "pending"
    ACTIVE = "active"
    CANCELLED = "cancelled"
    TERMINATED = "terminated"


class BidStatus(StrEnum):
    """Where a bid stands (bidStatus)."""

    INVITED = "invited"
    PENDING = "pending"
    VALID = "valid"
    DISQUALIFIED = "disqualified"
    WITHDRAWN = "withdrawn"


class ProcurementMethod(StrEnum):
    """Who may bid (method)."""

    OPEN = "open"
    SELECTIVE = "selective"
    LIMITED = "limited"
    DIRECT = "direct"


class ProcurementCategory(StrEnum):
    """What is bought (procurementCategory)."""

    GOODS = "goods"
    WORKS = "works"
    SERVICES = "services"


class PartyRole(StrEnum):
    """What an organization does in a process (partyRole)."""

    BUYER = "buyer"
    PROCURING_ENTITY = "procuringEntity"
    SUPPLIER = "supplier"
    TENDERER = "tenderer"


class AwardCriteria(StrEnum):
    """What a bid wins by (awardCriteria)."""

    PRICE_ONLY = "priceOnly"
    COST_ONLY = "costOnly"
    QUALITY_ONLY = "qualityOnly"
    RATED_CRITERIA = "ratedCriteria"


class CriterionType(StrEnum):
    """What of a bid a criterion looks at (awardCriterionType)."""

    PRICE = "price"
    COST = "cost"
    QUALITY = "quality"


class SubmissionMethod(StrEnum):
    """How bids are received (submissionMethod)."""

    ELECTRONIC = "electronicSubmission"
    AUCTION = "electronicAuction"
    WRITTEN = "written"
    IN_PERSON = "inPerson"


class AuctionRoundStatus(StrEnum):
    """Where an auction of a lot stands (auctionRoundStatus, our own extension)."""

    ACTIVE = "active"
    COMPLETE = "complete"
    CANCELLED = "cancelled"
