"""What goes over the wire about sealed bids.

Amounts are strings. Keys, commitments, hashes and nonces are lower-case hexadecimal.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated
from uuid import UUID

import msgspec
from msgspec import UNSET, Meta, UnsetType

from marketplace.contracts.terms import LineTerms
from marketplace.kernel.limits import (
    ATTACHMENTS_PER_BID_MAX,
    LINES_MAX,
    PACKAGE_LOTS_MAX,
    PACKAGES_MAX,
    QUESTIONNAIRE_ITEMS_MAX,
    VOLUME_DISCOUNTS_MAX,
)
from marketplace.platform.http.schemas import (
    AmountText,
    Code,
    CurrencyText,
    Input,
    InstantIn,
    Name,
    Output,
    QuantityText,
    Sku,
    Text,
)
from rfq.rules.bid import Part
from rfq.rules.envelopes import Commitments
from rfq.rules.variants import MAIN


class SealedBidLineInput(Input):
    """The price of one line: `unit_amount` per `basis` units. `sku` is the supplier's own."""

    line_id: UUID
    unit_amount: AmountText
    basis: QuantityText = "1"
    sku: Sku | None = None
    terms: LineTerms | None = None


class AnsweredItemInput(Input):
    """The answer to one item of the questionnaire, in the form it is asked in."""

    code: Code
    answer: Annotated[Text, Meta(min_length=1)]


class BidAttachmentInput(Input):
    """An attachment of the bid: the id and SHA-256 its upload was answered with, and a name.

    A technical one is shown to those who judge, before prices are. With two envelopes each is
    technical, or financial if it was uploaded so.
    """

    attachment_id: UUID
    sha256: Annotated[
        str,
        Meta(
            pattern=r"^[0-9a-f]{64}(?!\n)$",
            description="SHA-256 in hexadecimal, 64 characters.",
            examples=["00" * 32],
        ),
    ]
    name: Name
    part: Part | None = None


PercentText = Annotated[
    str,
    Meta(
        pattern=r"^(0|[1-9][0-9]?)(\.[0-9]{1,2})?(?!\n)$",
        description="A percentage below 100, at most two decimals.",
        examples=["2.5"],
    ),
]


class PackageInput(Input):
    """`percent` off each of these lots, two or more, where all of them are awarded to this bid."""

    lot_ids: Annotated[list[UUID], Meta(min_length=1, max_length=PACKAGE_LOTS_MAX)]
    percent: PercentText


class VolumeDiscountInput(Input):
    """`percent` off all lots of this bid that are awarded, from `from_amount` on at its prices."""

    from_amount: AmountText
    percent: PercentText


class ConditionsInput(Input):
    """Discounts for more than one lot, where lots are decided together by a scenario.

    Of packages that overlap the first one counts. Volume discounts rise; the highest that is
    reached counts, beside a package.
    """

    packages: Annotated[list[PackageInput], Meta(max_length=PACKAGES_MAX)] = msgspec.field(
        default_factory=list
    )
    volume: Annotated[list[VolumeDiscountInput], Meta(max_length=VOLUME_DISCOUNTS_MAX)] = (
        msgspec.field(default_factory=list)
    )


class VariantInput(Input):
    """What a variant is called, and in what it differs from what is asked for."""

    label: Name
    description: Annotated[Text, Meta(min_length=1)]


class SealedBidInput(Input):
    """A bid: every line of each lot it is for, and the questionnaire's answers. Sealed at once.

    One with a `variant` is another offer beside the main bid, where the terms take variants.

    It binds until `valid_until`; without it, until the procedure's `bids_valid_until`. It has the
    attachments it names, and no others: one uploaded later is added by replacing the bid.
    """

    currency: CurrencyText
    lines: Annotated[list[SealedBidLineInput], Meta(max_length=LINES_MAX)] = msgspec.field(
        default_factory=list
    )
    note: Text = ""
    answers: Annotated[list[AnsweredItemInput], Meta(max_length=QUESTIONNAIRE_ITEMS_MAX)] = (
        msgspec.field(default_factory=list)
    )
    valid_until: InstantIn | None = None
    attachments: Annotated[list[BidAttachmentInput], Meta(max_length=ATTACHMENTS_PER_BID_MAX)] = (
        msgspec.field(default_factory=list)
    )
    conditions: ConditionsInput | None = None
    variant: VariantInput | None = None


class PartReceiptView(Output):
    """One of two envelopes: its commitment, and its nonce where the receipt shows nonces."""

    part: Part
    commitment: str
    nonce: str | UnsetType = UNSET


def part_receipts(parts: Commitments, nonces: Mapping[Part, bytes | None]) -> list[PartReceiptView]:
    """Show the commitments of both envelopes."""
    shown = ((Part.TECHNICAL, parts.technical), (Part.FINANCIAL, parts.financial))
    return [
        PartReceiptView(
            part=part,
            commitment=committed.hex(),
            nonce=UNSET if (nonce := nonces.get(part)) is None else nonce.hex(),
        )
        for part, committed in shown
    ]


class ReceiptView(Output):
    """The receipt of one version of a bid; all its bidder reads of it before the opening.

    `status` is ``unconfirmed`` where the terms were amended since: it is worth nothing until it is
    confirmed or replaced. `terms_version` are the terms it is for.

    `commitment` is SHA-256 over procedure, bidder, version, `nonce` and the bid. The nonce is shown
    once, in the answer to the submission, and again after the opening; keep it to prove what you
    offered. `signature` is Ed25519 by `signing_key` over the receipt. With two envelopes `parts`
    has the commitment and nonce of each, and `commitment` is SHA-256 over both. `variant` is the
    number of a variant, 0 of a main bid; commitment and receipt of a variant name it.
    """

    procedure_id: UUID
    bidder_id: UUID
    bid_id: UUID
    version: int
    status: str
    terms_version: int
    submitted_at: datetime
    commitment: str
    signature: str
    signing_key: str
    nonce: str | UnsetType = UNSET
    parts: list[PartReceiptView] | UnsetType = UNSET
    variant: int = MAIN


class ReceiptList(Output):
    """The receipts of all versions of the own bids, main bid first, of each the newest first."""

    items: list[ReceiptView]


def without_secrets(receipt: ReceiptView) -> ReceiptView:
    """Give the receipt as it may be stored: without its nonces, the envelopes' only clue."""
    parts = receipt.parts
    if parts is not UNSET:
        parts = [msgspec.structs.replace(each, nonce=UNSET) for each in parts]
    return msgspec.structs.replace(receipt, nonce=UNSET, parts=parts)
