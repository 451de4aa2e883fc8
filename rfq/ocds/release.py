"""A release of the Open Contracting Data Standard 1.1.5, with the extensions used here.

Names are the standard's, written as it writes them. A field that is not there is UNSET and left
out; None is the standard's null: when releases are merged it takes away what an earlier one said.
Extensions: lots, bids, enquiries, bid opening, techniques, award criteria breakdown, and our own
auction rounds. What of the standard we neither write nor read is not here; unknown fields of
others' releases are passed over. Amounts and quantities are numbers there, so they are Decimal
here. Codes of open codelists are texts; those we write are in `codelists`.
"""

from decimal import Decimal
from typing import Annotated, Any, Final, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

from rfq.ocds.codelists import (
    AuctionRoundStatus,
    AwardStatus,
    BidStatus,
    ContractStatus,
    ProcurementCategory,
    ProcurementMethod,
    ReleaseTag,
    TenderStatus,
)

VERSION: Final = "1.1"

WholeList: Final = Meta(extra_json_schema={"wholeListMerge": True})
"""Of a list whose elements have identities of their own, but that merges as a whole."""
OmitWhenMerged: Final = Meta(extra_json_schema={"omitWhenMerged": True})
"""Of what says something of one release alone."""

Id = str | int
"""Ours are texts; others may write numbers."""
Text = str | UnsetType | None
Instant = str | UnsetType | None
"""RFC 3339, as text: releases are ordered by it, and ours have all the same digits."""


class Wire(msgspec.Struct, kw_only=True, rename="camel"):
    """Base of what the standard calls an object."""


class Value(Wire):
    """An amount of money."""

    amount: Decimal | UnsetType | None = UNSET
    currency: Text = UNSET


class Period(Wire):
    """From when to when."""

    start_date: Instant = UNSET
    end_date: Instant = UNSET
    duration_in_days: int | UnsetType | None = UNSET


class Identifier(Wire):
    """A number by which a register knows an organization."""

    scheme: Text = UNSET
    id: Id | UnsetType | None = UNSET
    legal_name: Text = UNSET


class Address(Wire):
    """Where an organization is."""

    street_address: Text = UNSET
    locality: Text = UNSET
    region: Text = UNSET
    postal_code: Text = UNSET
    country_name: Text = UNSET


class Reference(Wire):
    """A party of the release, by its id."""

    id: Id | UnsetType = UNSET
    name: Text = UNSET


class Party(Wire):
    """An organization and what it does in the process."""

    id: str | UnsetType = UNSET
    name: Text = UNSET
    identifier: Identifier | UnsetType = UNSET
    address: Address | UnsetType = UNSET
    roles: list[str] | UnsetType | None = UNSET


class Unit(Wire):
    """A unit of measure."""

    scheme: Text = UNSET
    id: Id | UnsetType | None = UNSET
    name: Text = UNSET


class Classification(Wire):
    """What an item is, by a public scheme."""

    scheme: Text = UNSET
    id: Id | UnsetType | None = UNSET
    description: Text = UNSET


class Item(Wire):
    """One thing asked for, or awarded."""

    id: Id
    description: Text = UNSET
    classification: Classification | UnsetType = UNSET
    additional_classifications: Annotated[list[Classification], WholeList] | UnsetType = UNSET
    quantity: Decimal | UnsetType | None = UNSET
    unit: Unit | UnsetType = UNSET
    related_lot: Text = UNSET


class Document(Wire):
    """A document; ours are read by who has an account, so they have no address."""

    id: Id
    document_type: Text = UNSET
    title: Text = UNSET
    description: Text = UNSET
    url: Text = UNSET
    date_published: Instant = UNSET
    format: Text = UNSET
    language: Text = UNSET


class Amendment(Wire):
    """What was changed, and why."""

    id: Text = UNSET
    date: Instant = UNSET
    rationale: Text = UNSET
    description: Text = UNSET
    amends_release_id: Text = msgspec.field(name="amendsReleaseID", default=UNSET)
    release_id: Text = msgspec.field(name="releaseID", default=UNSET)


class CriterionNumber(Wire):
    """A number of a criterion (extension: award criteria breakdown)."""

    number: Decimal | UnsetType | None = UNSET
    weight: Text = UNSET
    threshold: Text = UNSET


class Criterion(Wire):
    """What bids are judged by (extension: award criteria breakdown)."""

    type: str | UnsetType | None = UNSET
    name: Text = UNSET
    description: Text = UNSET
    numbers: Annotated[list[CriterionNumber], WholeList] | UnsetType = UNSET


class CriteriaBreakdown(Wire):
    """The criteria of a lot (extension: award criteria breakdown)."""

    criteria: Annotated[list[Criterion], WholeList] | UnsetType = UNSET


class FrameworkAgreement(Wire):
    """A framework agreement (extension: techniques)."""

    description: Text = UNSET


class ElectronicAuction(Wire):
    """An electronic auction (extension: techniques)."""

    description: Text = UNSET
    url: Text = UNSET


class Techniques(Wire):
    """Whether a framework or an auction is part of it (extension: techniques)."""

    has_framework_agreement: bool | UnsetType | None = UNSET
    framework_agreement: FrameworkAgreement | UnsetType = UNSET
    has_electronic_auction: bool | UnsetType | None = UNSET
    electronic_auction: ElectronicAuction | UnsetType = UNSET


class SubmissionTerms(Wire):
    """How bids are submitted (extension: submission terms)."""

    variant_policy: str | UnsetType | None = UNSET


class Lot(Wire):
    """A part that is awarded by itself (extension: lots)."""

    id: str
    title: Text = UNSET
    description: Text = UNSET
    status: TenderStatus | UnsetType | None = UNSET
    value: Value | UnsetType = UNSET
    contract_period: Period | UnsetType = UNSET
    main_procurement_category: ProcurementCategory | UnsetType | None = UNSET
    award_criteria: CriteriaBreakdown | UnsetType = UNSET
    techniques: Techniques | UnsetType = UNSET
    submission_terms: SubmissionTerms | UnsetType = UNSET


class Enquiry(Wire):
    """A question and its answer; ours name no author (extension: enquiries)."""

    id: str
    date: Instant = UNSET
    author: Reference | UnsetType = UNSET
    title: Text = UNSET
    description: Text = UNSET
    answer: Text = UNSET
    date_answered: Instant = UNSET
    related_lot: Text = UNSET


class BidOpening(Wire):
    """When bids are opened (extension: bid opening)."""

    date: Instant = UNSET
    description: Text = UNSET


class AuctionRound(Wire):
    """One electronic auction of one lot (our own extension: auction rounds)."""

    id: str
    related_lot: str | UnsetType = UNSET
    status: AuctionRoundStatus | UnsetType = UNSET
    format: str | UnsetType = UNSET
    period: Period | UnsetType = UNSET


class Tender(Wire):
    """What is asked for, how, and until when."""

    id: Id
    title: Text = UNSET
    description: Text = UNSET
    status: TenderStatus | UnsetType | None = UNSET
    procuring_entity: Reference | UnsetType = UNSET
    items: list[Item] | UnsetType = UNSET
    value: Value | UnsetType = UNSET
    min_value: Value | UnsetType = UNSET
    procurement_method: ProcurementMethod | UnsetType | None = UNSET
    procurement_method_details: Text = UNSET
    procurement_method_rationale: Text = UNSET
    main_procurement_category: ProcurementCategory | UnsetType | None = UNSET
    award_criteria: str | UnsetType | None = UNSET
    award_criteria_details: Text = UNSET
    submission_method: list[str] | UnsetType | None = UNSET
    submission_method_details: Text = UNSET
    tender_period: Period | UnsetType = UNSET
    enquiry_period: Period | UnsetType = UNSET
    has_enquiries: bool | UnsetType | None = UNSET
    eligibility_criteria: Text = UNSET
    award_period: Period | UnsetType = UNSET
    contract_period: Period | UnsetType = UNSET
    number_of_tenderers: int | UnsetType | None = UNSET
    tenderers: list[Reference] | UnsetType = UNSET
    documents: list[Document] | UnsetType = UNSET
    amendments: list[Amendment] | UnsetType = UNSET
    lots: list[Lot] | UnsetType = UNSET
    enquiries: list[Enquiry] | UnsetType = UNSET
    bid_opening: BidOpening | UnsetType = UNSET
    techniques: Techniques | UnsetType = UNSET
    auction_rounds: list[AuctionRound] | UnsetType = UNSET


class Bid(Wire):
    """A bid (extension: bids)."""

    id: str
    date: Instant = UNSET
    status: BidStatus | UnsetType | None = UNSET
    tenderers: list[Reference] | UnsetType = UNSET
    value: Value | UnsetType = UNSET
    related_lots: list[str] | UnsetType | None = UNSET
    variant: bool | UnsetType = UNSET


class Statistic(Wire):
    """A figure about the bids (extension: bids)."""

    id: str
    measure: str
    value: Decimal
    date: Instant = UNSET
    related_lot: Text = UNSET


class Bids(Wire):
    """What was submitted (extension: bids)."""

    statistics: list[Statistic] | UnsetType = UNSET
    details: list[Bid] | UnsetType = UNSET


class Award(Wire):
    """What one supplier gets."""

    id: Id
    title: Text = UNSET
    description: Text = UNSET
    status: AwardStatus | UnsetType | None = UNSET
    date: Instant = UNSET
    value: Value | UnsetType = UNSET
    suppliers: list[Reference] | UnsetType = UNSET
    items: list[Item] | UnsetType = UNSET
    contract_period: Period | UnsetType = UNSET
    related_lots: list[str] | UnsetType | None = UNSET
    related_bids: list[str] | UnsetType | None = UNSET


class Contract(Wire):
    """What an award led to."""

    id: Id
    award_id: Id = msgspec.field(name="awardID")
    title: Text = UNSET
    description: Text = UNSET
    status: ContractStatus | UnsetType | None = UNSET
    period: Period | UnsetType = UNSET
    value: Value | UnsetType = UNSET
    items: list[Item] | UnsetType = UNSET
    date_signed: Instant = UNSET
    related_bids: list[str] | UnsetType | None = UNSET


class Budget(Wire):
    """What may be spent."""

    id: Id | UnsetType | None = UNSET
    description: Text = UNSET
    amount: Value | UnsetType = UNSET


class Planning(Wire):
    """What came before the tender."""

    rationale: Text = UNSET
    budget: Budget | UnsetType = UNSET


class RelatedProcess(Wire):
    """Another process that this one follows on from."""

    id: str
    relationship: list[str] | UnsetType | None = UNSET
    title: Text = UNSET
    scheme: Text = UNSET
    identifier: Text = UNSET
    uri: Text = UNSET


class Release(Wire):
    """What was made public at one step of a process; never changed afterwards."""

    ocid: str
    id: Annotated[str, OmitWhenMerged]
    date: Annotated[str, OmitWhenMerged]
    tag: Annotated[list[ReleaseTag], OmitWhenMerged]
    initiation_type: Literal["tender"]
    language: Text = UNSET
    parties: list[Party] | UnsetType = UNSET
    buyer: Reference | UnsetType = UNSET
    planning: Planning | UnsetType = UNSET
    tender: Tender | UnsetType = UNSET
    bids: Bids | UnsetType = UNSET
    awards: list[Award] | UnsetType = UNSET
    contracts: list[Contract] | UnsetType = UNSET
    related_processes: list[RelatedProcess] | UnsetType = UNSET


_ENCODER: Final = msgspec.json.Encoder(decimal_format="number")


def encode(document: Any) -> bytes:
    """Write a release, a record or a package; decimals as numbers with all their digits."""
    return _ENCODER.encode(document)
