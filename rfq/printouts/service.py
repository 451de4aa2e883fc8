"""Printouts read what their reader may read anyway, by the same verbs, and lay it out."""

from collections import Counter
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import TypeVar
from uuid import UUID

from sqlalchemy import select

from marketplace.kernel.errors import NotFound, WrongState
from marketplace.kernel.limits import PAGE_ITEMS_MAX, QUESTIONS_PRINTED_MAX
from marketplace.kernel.money import Money
from marketplace.organizations.service import names_of
from marketplace.organizations.tables import OrganizationRow, PersonalDataRow
from marketplace.platform.caller import Caller
from marketplace.platform.core import Platform
from marketplace.platform.database import Role, Transaction, system_transaction, transaction
from marketplace.platform.http.paging import Page, PageRequest
from marketplace.platform.sheets.model import Sheet
from marketplace.platform.sheets.reader import Reader, reader_of
from rfq.amendments.service import list_amendments
from rfq.attachments.documents import list_documents
from rfq.attachments.examining import set_aside
from rfq.awards.complaints import list_complaints
from rfq.awards.notices import list_notices
from rfq.awards.reading import list_awards, list_proposals
from rfq.awards.schemas import SupplierAwardList
from rfq.awards.tables import ProposalRow
from rfq.clarifications.service import list_questions
from rfq.evaluation.judged_bids import judged_bids
from rfq.evaluation.offers import evaluate
from rfq.officers.records import approvals_of
from rfq.opening.proofs import copy_of
from rfq.printouts.decision import Decided, Told, bidder_sheet, buyer_sheet
from rfq.printouts.minutes import Found, Opening, SetAside, minutes_sheet
from rfq.printouts.procedure import procedure_sheet
from rfq.procedures.reading import Loaded, load, read_procedure
from rfq.procedures.schemas import BuyerProcedureView
from rfq.rules.bid import BidStatus, Part
from rfq.rules.computation import kept_computation
from rfq.rules.procedure import PRICES_HIDDEN, check_bids_readable
from rfq.rules.proof import Copy
from rfq.rules.variants import MAIN
from rfq.validity.schemas import BidExtensionView
from rfq.validity.service import list_extensions

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Asked:
    """How a sheet is wanted: languages in order, and a time zone other than the procedure's."""

    languages: tuple[str, ...]
    time_zone: str | None

    def reader(self, time_zone: str) -> Reader:
        """Give who reads; raises InvalidInput for a zone there is not."""
        return reader_of(self.languages, self.time_zone or time_zone)


@dataclass(frozen=True, slots=True)
class Printout:
    """A sheet, and the instant of the last thing that it tells."""

    sheet: Sheet
    at: datetime


async def print_procedure(
    platform: Platform, caller: Caller, procedure_id: UUID, asked: Asked
) -> Printout:
    """Print a procedure as its reader sees it; raises NotFound."""
    view = await read_procedure(platform, caller, procedure_id)
    reader = asked.reader(view.time_zone)
    amendments = (await list_amendments(platform, caller, procedure_id)).items
    documents = (await list_documents(platform, caller, procedure_id)).items
    questions = await _all(partial(list_questions, platform, caller, procedure_id))
    invited = await _names(
        platform, caller, view.invited_ids if isinstance(view, BuyerProcedureView) else ()
    )
    buyer = await buyer_name(platform, view.buyer_id)
    sheet = procedure_sheet(reader, view, buyer, invited, amendments, questions, documents)
    times = [
        view.published_at,
        view.closed_at,
        view.opened_at,
        *(each.amended_at for each in amendments),
        *(each.answered_at for each in questions),
        *(each.added_at for each in documents),
    ]
    return Printout(sheet, max((each for each in times if each), default=view.deadline_at))


async def _all(read: Callable[[PageRequest], Awaitable[Page[T]]]) -> list[T]:
    """Read a list page by page, as far as it is printed."""
    found: list[T] = []
    after = None
    while True:
        some = await read(PageRequest(PAGE_ITEMS_MAX, after))
        found += some.items
        after = some.next
        if after is None or len(found) >= QUESTIONS_PRINTED_MAX:
            return found


async def _names(
    platform: Platform, caller: Caller, organization_ids: Collection[UUID]
) -> Mapping[UUID, str]:
    if not organization_ids:
        return {}
    async with transaction(platform, caller) as tx:
        return await names_of(tx, organization_ids)


async def buyer_name(platform: Platform, buyer_id: UUID) -> str:
    """Give the name of a procedure's buyer to whoever may read that procedure.

    The directory tells suppliers of suppliers alone; who is asked to offer is told by whom.
    """
    async with system_transaction(platform, Role.ENGINE) as tx:
        name = await tx.scalar(select(OrganizationRow.name).where(OrganizationRow.id == buyer_id))
    return str(name or buyer_id)


async def print_minutes(
    platform: Platform, caller: Caller, procedure_id: UUID, asked: Asked
) -> Printout:
    """Print the minutes of an opening: to the buyer all, to a bidder his own bid.

    Raises NotFound for who neither buys nor bid, WrongState before the opening.
    """
    async with transaction(platform, caller) as tx:
        loaded = await load(tx, procedure_id)
        copy = await copy_of(tx, caller, loaded)
        caller.require("rfq:read" if copy is Copy.BUYER else "bids:read")
        hidden = loaded.procedure.status in PRICES_HIDDEN
        if not (hidden and copy is Copy.BUYER):
            check_bids_readable(loaded.procedure)
        found = await (_judged(tx, loaded) if hidden else _opened(tx, loaded))
        approvals = await approvals_of(tx, procedure_id) if copy is Copy.BUYER else ()
        officers = await _officers(tx, loaded) if copy is Copy.BUYER else {}
        # Row-level security leaves a bidder his own, and while prices are hidden the technical.
        aside = await set_aside(tx, procedure_id)
        names = await names_of(tx, {each.bidder_id for each in aside}) if aside else {}
    row = loaded.row
    opening = Opening(
        procedure_id=procedure_id,
        kind=loaded.procedure.kind,
        title=row.title,
        buyer=await buyer_name(platform, row.buyer_id),
        copy=copy,
        deadline_at=row.deadline_at,
        closed_at=row.closed_at,
        opened_at=row.opened_at,
        bids_root=row.bids_root.hex(),
        counts=Counter(BidStatus(each["status"]) for each in row.bid_entries),
        officers=tuple(officers.values()),
        approvals=tuple(
            (
                Part(each.envelope),
                officers.get(each.officer_id, str(each.officer_id)),
                each.approved_at,
            )
            for each in approvals
        ),
        lots=loaded.procedure.lots,
        bids=found,
        set_aside=[
            SetAside(names.get(each.bidder_id, str(each.bidder_id)), each.name, each.invalid_reason)
            for each in aside
        ],
    )
    return Printout(minutes_sheet(asked.reader(row.time_zone), opening), row.opened_at)


async def _opened(tx: Transaction, loaded: Loaded) -> list[Found]:
    # Row-level security leaves a bidder his own row, the buyer all.
    evaluated = await evaluate(tx, loaded)
    names = await names_of(tx, {row.bidder_id for row in evaluated.bids})
    totals: dict[UUID, dict[UUID, Money]] = {}
    left_out: dict[UUID, set[UUID]] = {}
    for lot_id, standings in evaluated.standings.items():
        for standing in standings:
            totals.setdefault(standing.offer.bid_id, {})[lot_id] = standing.total
            if standing.offer.left_out:
                left_out.setdefault(standing.offer.bid_id, set()).add(lot_id)
    rows = sorted(evaluated.bids, key=lambda row: (row.submitted_at, row.id))
    return [
        Found(
            bid_id=row.id,
            bidder=names.get(row.bidder_id, str(row.bidder_id)),
            submitted_at=row.submitted_at,
            commitment=bytes(row.commitment).hex(),
            lot_ids=tuple(totals.get(row.id, {})),
            totals=totals.get(row.id, {}),
            left_out=frozenset(left_out.get(row.id, ())),
            variant=row.variant,
            invalid_reason=row.invalid_reason
            or (row.kept_closed and f"prices stay closed: {row.kept_closed}"),
        )
        for row in rows
    ]


async def _judged(tx: Transaction, loaded: Loaded) -> list[Found]:
    rows = await judged_bids(tx, loaded)
    names = await names_of(tx, {row.bidder_id for row in rows})
    return [
        Found(
            bid_id=row.bid_id,
            bidder=names.get(row.bidder_id, str(row.bidder_id)),
            submitted_at=row.submitted_at,
            commitment="",
            lot_ids=row.lot_ids,
            totals=None,
            invalid_reason=None,
            variant=MAIN if row.variant is None else row.variant["number"],
        )
        for row in rows
    ]


async def _officers(tx: Transaction, loaded: Loaded) -> dict[UUID, str]:
    rows = await tx.all(
        select(PersonalDataRow.member_id, PersonalDataRow.name).where(
            PersonalDataRow.member_id.in_(loaded.procedure.officer_ids)
        )
    )
    names = {row.member_id: row.name for row in rows}
    return {each: names.get(each, str(each)) for each in loaded.procedure.officer_ids}


async def print_decision(
    platform: Platform, caller: Caller, procedure_id: UUID, asked: Asked
) -> Printout:
    """Print what was decided: to the buyer with the whole ranking, to a bidder what he was told.

    Raises NotFound for who was told nothing, WrongState before anything was proposed.
    """
    view = await read_procedure(platform, caller, procedure_id)
    reader = asked.reader(view.time_zone)
    buyer = await buyer_name(platform, view.buyer_id)
    if isinstance(view, BuyerProcedureView):
        decided = await _decided(platform, caller, procedure_id)
        if not decided.proposals:
            raise WrongState("No award was proposed yet.", state=view.status.value)
        times = [each.settled_at or each.proposed_at for each in decided.proposals]
        times += _told_at(decided.extensions)
        return Printout(buyer_sheet(reader, view, buyer, decided), max(times))
    notices = (await list_notices(platform, caller, procedure_id)).items
    awards = await list_awards(platform, caller, procedure_id)
    if not isinstance(awards, SupplierAwardList) or not (notices or awards.items):
        raise NotFound("You were told of no decision in this procedure.")
    own = (await _names(platform, caller, [caller.organization_id]))[caller.organization_id]
    extensions = await _all(partial(list_extensions, platform, caller, procedure_id))
    sheet = bidder_sheet(reader, view, buyer, own, Told(notices, awards.items, extensions))
    times = [each.withdrawn_at or each.notified_at for each in notices]
    times += [each.ended_at or each.awarded_at for each in awards.items if each.awarded_at]
    times += _told_at(extensions)
    return Printout(sheet, max((each for each in times if each), default=view.deadline_at))


def _told_at(extensions: Sequence[BidExtensionView]) -> list[datetime]:
    return [each.answered_at or each.requested_at for each in extensions]


async def _decided(platform: Platform, caller: Caller, procedure_id: UUID) -> Decided:
    proposals = (await list_proposals(platform, caller, procedure_id)).items
    complaints = (await list_complaints(platform, caller, procedure_id)).items
    extensions = await _all(partial(list_extensions, platform, caller, procedure_id))
    async with transaction(platform, caller) as tx:
        kept = await tx.all(
            select(
                ProposalRow.id,
                ProposalRow.computation["document"].label("document"),
                ProposalRow.computation["scenario"].label("scenario"),
            ).where(ProposalRow.procedure_id == procedure_id)
        )
        computations = {
            row.id: kept_computation(row.document, row.scenario)
            for row in kept
            if row.document is not None
        }
        bidders = {offer.bidder_id for each in computations.values() for offer in each.offers}
        bidders |= {award.supplier_id for each in proposals for award in each.awards}
        bidders |= {each.bidder_id for each in extensions}
        names = await names_of(tx, bidders)
    return Decided(proposals, computations, complaints, names, extensions)
