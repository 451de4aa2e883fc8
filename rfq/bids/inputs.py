"""What a bidder sends, as the bid that is checked and sealed."""

from decimal import Decimal

from rfq.bids.schemas import ConditionsInput, SealedBidInput, VariantInput
from rfq.rules.bid import Bid, BidAttachment, BidLine, Part
from rfq.rules.conditions import Conditions, Package, VolumeDiscount
from rfq.rules.offering import Answer
from rfq.rules.variants import Variant


def bid_from(data: SealedBidInput, first: Part) -> Bid:
    """Give the bid; attachments that do not say in which envelope they are go into the `first`."""
    lines = tuple(
        BidLine(
            line_id=line.line_id,
            unit_amount=Decimal(line.unit_amount),
            basis=Decimal(line.basis),
            sku=line.sku,
            terms=line.terms,
        )
        for line in data.lines
    )
    answers = tuple(Answer(code=each.code, answer=each.answer) for each in data.answers)
    attachments = tuple(
        BidAttachment(
            attachment_id=each.attachment_id,
            name=each.name,
            sha256=each.sha256,
            part=each.part or first,
        )
        for each in data.attachments
    )
    return Bid(
        currency=data.currency,
        lines=lines,
        note=data.note,
        answers=answers,
        valid_until=data.valid_until,
        attachments=attachments,
        conditions=None if data.conditions is None else _conditions(data.conditions),
        variant=None if data.variant is None else _variant(data.variant),
    )


def _variant(data: VariantInput) -> Variant:
    return Variant(label=data.label, description=data.description)


def _conditions(data: ConditionsInput) -> Conditions:
    return Conditions(
        packages=tuple(
            Package(lot_ids=tuple(each.lot_ids), percent=Decimal(each.percent))
            for each in data.packages
        ),
        volume=tuple(
            VolumeDiscount(from_amount=Decimal(each.from_amount), percent=Decimal(each.percent))
            for each in data.volume
        ),
    )
