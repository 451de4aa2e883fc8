"""The printed minutes of an opening: when, by whom, what was found; to a bidder his own bid."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from marketplace.kernel.money import Money
from marketplace.platform.sheets.model import Cell, Column, Fact, Section, Sheet, Table, fact, row
from marketplace.platform.sheets.reader import Reader
from rfq.printouts import words
from rfq.rules.bid import BidStatus, Part
from rfq.rules.procedure import Kind, Lot
from rfq.rules.proof import Copy
from rfq.rules.variants import MAIN

_PROOF: Final = (
    "The root was published at the close, before any bid was opened. Who has a receipt can check "
    "with the command marketplace verify-opening that no bid was changed, dropped or added."
)


@dataclass(frozen=True, slots=True)
class Found:
    """One bid that was opened; `totals` are by lot, None while prices are hidden.

    `left_out` are lots of which it does not price all lines.
    """

    bid_id: UUID
    bidder: str
    submitted_at: datetime
    commitment: str
    lot_ids: Sequence[UUID]
    totals: Mapping[UUID, Money] | None
    invalid_reason: str | None
    left_out: frozenset[UUID] = frozenset()
    variant: int = MAIN

    @property
    def offered_by(self) -> str:
        """The bidder, and which of his offers it is where it is a variant."""
        return self.bidder if self.variant == MAIN else f"{self.bidder} (variant {self.variant})"


@dataclass(frozen=True, slots=True)
class SetAside:
    """An attachment that nobody reads, and why."""

    bidder: str
    name: str
    reason: str


@dataclass(frozen=True, slots=True)
class Opening:
    """What the minutes tell."""

    procedure_id: UUID
    kind: Kind
    title: str
    buyer: str
    copy: Copy
    deadline_at: datetime
    closed_at: datetime
    opened_at: datetime
    bids_root: str
    counts: Mapping[BidStatus, int]
    officers: Sequence[str]
    approvals: Sequence[tuple[Part, str, datetime]]
    lots: Sequence[Lot]
    bids: Sequence[Found]
    set_aside: Sequence[SetAside] = ()


def minutes_sheet(reader: Reader, opening: Opening) -> Sheet:
    """Show the minutes."""
    return Sheet(
        kind="Minutes of the opening",
        title=opening.title,
        facts=(
            fact("Procedure", words.KINDS[opening.kind]),
            fact("Buyer", opening.buyer),
            fact("Deadline", reader.instant(opening.deadline_at)),
            fact("Closed", reader.instant(opening.closed_at)),
            Fact("Opened", Cell(reader.instant(opening.opened_at), strong=True)),
            fact("Merkle root of all bids", opening.bids_root, code=True),
        ),
        sections=(
            _received(opening),
            *_officers(reader, opening),
            _bids(reader, opening),
            *_set_aside(opening),
            *_lots(reader, opening),
        ),
        notes=(
            f"Times are in {reader.zone}, to the second; receipts tell them exactly.",
            _PROOF,
            f"Procedure {opening.procedure_id}; copy of the {opening.copy.value}.",
        ),
    )


def _received(opening: Opening) -> Section:
    known = (
        (BidStatus.LIVE, "Valid at the deadline"),
        (BidStatus.REPLACED, "Replaced by their bidder"),
        (BidStatus.WITHDRAWN, "Withdrawn by their bidder"),
        (BidStatus.UNCONFIRMED, "Not confirmed after an amendment"),
    )
    facts = [
        fact(name, str(opening.counts[each])) for each, name in known if each in opening.counts
    ]
    total = sum(opening.counts.values())
    return Section("Received", facts=(fact("Versions of bids received", str(total)), *facts))


def _officers(reader: Reader, opening: Opening) -> Sequence[Section]:
    if not opening.officers:
        return ()
    at = {(part is Part.FINANCIAL, name): when for part, name, when in opening.approvals}
    headings = ["Approved the opening"]
    if any(of_prices for of_prices, _ in at):
        headings.append("Approved the opening of prices")
    rows = tuple(
        row(name, *(reader.instant(at.get((bool(n), name))) for n in range(len(headings))))
        for name in opening.officers
    )
    columns = (Column("Officer", width=2), *(Column(each, width=2) for each in headings))
    return (Section("Officers", tables=(Table(columns, rows),)),)


def _bids(reader: Reader, opening: Opening) -> Section:
    own = opening.copy is Copy.BIDDER
    rows = tuple(
        row(
            str(number),
            Cell(each.offered_by, strong=True),
            reader.instant(each.submitted_at),
            each.invalid_reason or "valid",
            Cell(each.commitment, code=True),
        )
        for number, each in enumerate(opening.bids, 1)
    )
    columns = (
        Column("No."),
        Column("Bidder", width=3),
        Column("Submitted", width=3),
        Column("Bid", width=2),
        Column("Commitment", width=4),
    )
    texts = () if rows else ("No valid bid was received.",)
    heading = ("Your bid" if len(rows) == 1 else "Your bids") if own else "Bids opened"
    return Section(heading, texts=texts, tables=(Table(columns, rows),) if rows else ())


def _set_aside(opening: Opening) -> Sequence[Section]:
    if not opening.set_aside:
        return ()
    columns = (Column("Bidder", width=2), Column("Attachment", width=2), Column("Why", width=4))
    rows = tuple(row(each.bidder, each.name, each.reason) for each in opening.set_aside)
    return (Section("Attachments set aside", tables=(Table(columns, rows),)),)


def _lots(reader: Reader, opening: Opening) -> Sequence[Section]:
    valid = [each for each in opening.bids if each.invalid_reason is None]
    if not opening.lots or not valid:
        return ()
    if any(each.totals is None for each in valid):
        text = "Prices are hidden until who is qualified is decided and the scores are locked."
        return (Section("Prices", texts=(text,)),)
    columns = (Column("Bidder", width=3), Column("Total of the lot", right=True, width=2))
    sections = [Section("Prices by lot, in the order of submission")]
    for number, lot in enumerate(opening.lots, 1):
        rows = tuple(
            row(
                each.offered_by,
                reader.amount(money.amount, money.currency)
                + (" (not all lines)" if lot.id in each.left_out else ""),
            )
            for each in valid
            if (money := (each.totals or {}).get(lot.id)) is not None
        )
        sections.append(
            Section(
                f"Lot {number}: {lot.title}",
                level=2,
                texts=() if rows else ("No bid.",),
                tables=(Table(columns, rows),) if rows else (),
            )
        )
    return sections
