"""The printed decision: the buyer's with the whole ranking, a bidder's as his notices tell it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Final
from uuid import UUID

from marketplace.platform.sheets.model import Cell, Column, Fact, Section, Sheet, Table, fact, row
from marketplace.platform.sheets.reader import Reader
from rfq.awards.schemas import (
    AwardNoticeView,
    AwardProposalView,
    ComplaintView,
    SupplierAwardView,
)
from rfq.printouts import words
from rfq.printouts.procedure import money
from rfq.procedures.schemas import ProcedureLineView, SupplierProcedureView
from rfq.rules.computation import ComputedOffer, DecidedTogether, LotComputation, PartDecided
from rfq.validity.schemas import BidExtensionView

AWARDED: tuple[Column, ...] = (
    Column("Line", width=5),
    Column("Quantity", right=True),
    Column("Unit"),
    Column("Unit price", right=True),
    Column("Amount", right=True),
)


_COMPUTED: Final = (
    "How each score was reckoned, step by step, is in the computation of the lot "
    "(GET /v1/procedures/{procedure}/lots/{lot}/computation)."
)
_STANDSTILL: Final = (
    "Until a standstill ends nothing is concluded, and a complaint against the decision stops it."
)


@dataclass(frozen=True, slots=True)
class Decided:
    """All that was decided in a procedure, for its buyer; computations are by proposal."""

    proposals: Sequence[AwardProposalView]
    computations: Mapping[UUID, LotComputation]
    complaints: Sequence[ComplaintView]
    names: Mapping[UUID, str]
    extensions: Sequence[BidExtensionView] = ()


@dataclass(frozen=True, slots=True)
class Told:
    """What one bidder was told, and what he won."""

    notices: Sequence[AwardNoticeView]
    awards: Sequence[SupplierAwardView]
    extensions: Sequence[BidExtensionView] = ()


def buyer_sheet(reader: Reader, view: SupplierProcedureView, buyer: str, decided: Decided) -> Sheet:
    """Show the decision to the buyer: each lot with its ranking, winners and reasons."""
    sections: list[Section] = []
    for number, lot in enumerate(view.lots, 1):
        of_lot = [each for each in decided.proposals if each.lot_id == lot.id]
        state = words.LOT_STATUSES[lot.status]
        texts = () if of_lot else ("Nothing was decided about this lot.",)
        heading = f"Lot {number}: {lot.title}"
        sections.append(Section(heading, facts=(fact("Status", state),), texts=texts))
        lines = {line.id: line for line in lot.lines}
        for each in of_lot:
            sections += _proposal(reader, each, decided, lines)
    sections += _extensions(reader, decided.extensions, decided.names)
    return Sheet(
        kind="Award decision",
        title=view.title,
        facts=_head(reader, view, buyer),
        sections=tuple(sections),
        notes=(
            f"Times are in {reader.zone}.",
            _COMPUTED,
            f"Procedure {view.id}; the buyer's copy, which holds prices of all bidders.",
        ),
    )


def bidder_sheet(
    reader: Reader, view: SupplierProcedureView, buyer: str, bidder: str, told: Told
) -> Sheet:
    """Show a bidder what he was told of each lot, and what he won; nothing of others."""
    sections = []
    for number, lot in enumerate(view.lots, 1):
        notices = [each for each in told.notices if each.lot_id == lot.id]
        awards = [each for each in told.awards if each.lot_id == lot.id]
        if not notices and not awards:
            continue
        sections.append(Section(f"Lot {number}: {lot.title}"))
        sections += [_notice(reader, each) for each in notices]
        lines = {line.id: line for line in lot.lines}
        sections += [_award(reader, each, bidder, lines) for each in awards]
    sections += _extensions(reader, told.extensions, {})
    return Sheet(
        kind="Notice of the award decision",
        title=view.title,
        facts=(*_head(reader, view, buyer), fact("To", bidder)),
        sections=tuple(sections),
        notes=(
            f"Times are in {reader.zone}. {_STANDSTILL}",
            f"Procedure {view.id}.",
        ),
    )


def _head(reader: Reader, view: SupplierProcedureView, buyer: str) -> tuple[Fact, ...]:
    return (
        fact("Procedure", words.KINDS[view.kind]),
        fact("Buyer", buyer),
        fact("Opened", reader.instant(view.opened_at)),
        fact("How the award is made", words.METHODS[view.judging.method]),
        fact("Division of the award", words.DIVISIONS[view.award_division]),
    )


def _proposal(
    reader: Reader,
    proposal: AwardProposalView,
    decided: Decided,
    lines: Mapping[UUID, ProcedureLineView],
) -> list[Section]:
    facts = [
        Fact("Decision", Cell(words.PROPOSALS[proposal.status], strong=True)),
        fact("Total awarded", money(reader, proposal.total)),
        fact(
            "Contract",
            f"{'its conclusion' if proposal.first_day is None else reader.day(proposal.first_day)}"
            f" to {reader.day(proposal.last_day)}",
        ),
    ]
    if proposal.reason:
        facts.append(fact("Reason", proposal.reason))
    if proposal.standstill_until is not None:
        facts.append(fact("Standstill until", reader.instant(proposal.standstill_until)))
    if proposal.stopped_at is not None:
        facts.append(fact("Stopped since", reader.instant(proposal.stopped_at)))
    if proposal.settled_at is not None:
        facts.append(fact("Settled", reader.instant(proposal.settled_at)))
    if proposal.ended_because:
        facts.append(fact("Ended because", proposal.ended_because))
    for each in decided.complaints:
        if each.proposal_id == proposal.id:
            name = decided.names.get(each.bidder_id, str(each.bidder_id))
            facts.append(fact(f"Complaint of {name}", each.complaint))
            facts.append(fact("Answer", each.answer or "none yet"))
    computation = decided.computations.get(proposal.id)
    together = None if computation is None else computation.scenario
    if together is not None:
        facts += _together(reader, together, proposal.total.currency)
    ranking = _ranking(reader, proposal, decided)
    heading = f"Proposed {reader.instant(proposal.proposed_at)}"
    return [
        Section(heading, level=2, facts=tuple(facts), tables=ranking),
        *(
            _award(
                reader,
                each,
                decided.names.get(each.supplier_id, str(each.supplier_id)),
                lines,
                () if together is None else together.awards,
            )
            for each in proposal.awards
        ),
    ]


def _together(reader: Reader, scenario: DecidedTogether, currency: str) -> list[Fact]:
    """Tell by which scenario a lot was decided, how exactly that was solved, and what it kept."""
    gap = reader.number(Decimal(scenario.gap_percent))
    least = reader.amount(Decimal(scenario.bound), currency)
    total = reader.amount(Decimal(scenario.total), currency)
    facts = [
        fact("Decided with other lots", f"By the scenario “{scenario.name}”: {total} for all."),
        fact("Solved by", f"{scenario.solver}; no award costs less than {least}, a gap of {gap} %"),
    ]
    for each in scenario.constraints:
        cost = "" if each.cost is None else reader.amount(Decimal(each.cost), currency)
        facts.append(fact("Kept", f"{each.words} It costs {cost}." if cost else each.words))
    return facts


def _named(decided: Decided, offer: ComputedOffer) -> str:
    name = decided.names.get(offer.bidder_id, str(offer.bidder_id))
    return name if offer.variant is None else f"{name} ({offer.variant})"


def _ranking(reader: Reader, proposal: AwardProposalView, decided: Decided) -> tuple[Table, ...]:
    computation = decided.computations.get(proposal.id)
    if computation is None:
        return ()
    winners = {each.bid_id for each in proposal.awards}
    rows = tuple(
        row(
            "–" if each.rank is None else str(each.rank),
            Cell(
                _named(decided, each),
                strong=each.bid_id in winners,
            ),
            reader.amount(Decimal(each.amount), computation.currency),
            _score(reader, each.score),
            each.excluded or ("wins" if each.bid_id in winners else ""),
        )
        for each in computation.offers
    )
    columns = (
        Column("Rank", right=True),
        Column("Bidder", width=3),
        Column("Total", right=True),
        Column("Ranked by", right=True),
        Column("Remark", width=3),
    )
    caption = f"{computation.rule} {computation.ties}"
    return (Table(columns, rows, caption=caption),)


def _score(reader: Reader, score: str) -> str:
    whole, slash, part = score.partition("/")
    if not slash:
        return reader.number(Decimal(whole))
    # A fraction is shown to four places here; the computation has it exactly.
    return reader.number((Decimal(whole) / Decimal(part)).quantize(Decimal("0.0001")))


def _award(
    reader: Reader,
    award: SupplierAwardView,
    supplier: str,
    lines: Mapping[UUID, ProcedureLineView],
    decided: Sequence[PartDecided] = (),
) -> Section:
    facts = [fact("Status", words.award_status(award.status))]
    if award.variant is not None:
        facts.append(fact(f"Variant {award.variant.number}", award.variant.label))
        facts.append(fact("What differs", award.variant.description))
    if award.share is not None:
        facts.append(fact("Share", f"{award.share} %"))
    own = [each for each in decided if each.supplier_id == award.supplier_id]
    offered = sum((Decimal(each.offered) for each in own), Decimal(0))
    off = offered - sum((Decimal(each.amount) for each in own), Decimal(0))
    if off:
        currency = award.total.currency
        told = f"{reader.amount(offered, currency)} less {reader.amount(off, currency)}"
        facts.append(fact("Discounts for several lots", told))
    if award.awarded_at is not None:
        facts.append(fact("Awarded", reader.instant(award.awarded_at)))
    if award.contract_id is not None:
        facts.append(fact("Contract", str(award.contract_id), code=True))
    if award.hash is not None:
        facts.append(fact("Hash of what was decided", award.hash, code=True))
    if award.ended_because:
        facts.append(fact("Ended because", award.ended_because))
    rows = tuple(
        row(
            lines[each.line_id].description if each.line_id in lines else str(each.line_id),
            reader.number(Decimal(each.quantity)),
            words.unit(lines[each.line_id].unit) if each.line_id in lines else "",
            _unit_price(reader, each.unit_amount, each.basis, award.total.currency),
            money(reader, each.amount),
        )
        for each in award.lines
    )
    last = row("Total", "", "", "", money(reader, award.total))
    return Section(
        f"Award to {supplier}",
        level=2,
        facts=tuple(facts),
        tables=(Table(AWARDED, rows, last=last),),
    )


def _extensions(
    reader: Reader, extensions: Sequence[BidExtensionView], names: Mapping[UUID, str]
) -> list[Section]:
    """Tell who was asked to bind longer, and what he said; a bidder's copy names nobody."""
    if not extensions:
        return []
    columns = (
        *((Column("Bidder", width=3),) if names else ()),
        Column("Asked", width=2),
        Column("Bound until", width=2),
        Column("Asked until", width=2),
        Column("Answer", width=2),
        Column("Reason", width=3),
    )
    rows = tuple(
        row(
            *((names.get(each.bidder_id, str(each.bidder_id)),) if names else ()),
            reader.instant(each.requested_at),
            reader.instant(each.bound_until),
            reader.instant(each.until),
            words.EXTENSIONS[each.status],
            each.reason,
        )
        for each in extensions
    )
    return [Section("Requests to bind longer", tables=(Table(columns, rows),))]


def _unit_price(reader: Reader, amount: str, basis: str, currency: str) -> str:
    price = reader.amount(Decimal(amount), currency)
    return price if Decimal(basis) == 1 else f"{price} per {reader.number(Decimal(basis))}"


def _notice(reader: Reader, notice: AwardNoticeView) -> Section:
    outcome = "The lot is to be awarded to you." if notice.won else "The lot goes to another bid."
    facts = [Fact("Decision", Cell(outcome, strong=True))]
    if notice.rank is not None:
        facts.append(fact("Rank of your offer", str(notice.rank)))
    facts += [fact("Reason", each) for each in notice.reasons]
    if notice.standstill_until is not None:
        facts.append(fact("Standstill until", reader.instant(notice.standstill_until)))
    if notice.withdrawn_at is not None:
        facts.append(fact("Taken back", reader.instant(notice.withdrawn_at)))
    return Section(f"Notice of {reader.instant(notice.notified_at)}", level=2, facts=tuple(facts))
