"""The public steps of a procedure, each as what it publishes: called where the step is taken.

A private procedure publishes nothing: it never becomes a process, and nothing is read for it here.
"""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Final
from uuid import UUID

from msgspec import UNSET, UnsetType
from sqlalchemy import and_, select

from auctions.ledger import acting_as_engine
from marketplace.organizations.tables import OrganizationRow
from marketplace.platform.core import Platform
from marketplace.platform.database import Transaction
from rfq.attachments.tables import DocumentRow
from rfq.awards.tables import AwardRow
from rfq.ocds import auctions, awards, tender
from rfq.ocds.codelists import ReleaseTag
from rfq.ocds.facts import Answered, Asked, Attached, Auctioned, Awarded, Company
from rfq.ocds.publishing import Step, begin_process, publish
from rfq.ocds.release import Amendment, Contract, Reference
from rfq.procedures.reading import Loaded, load
from rfq.rules.differences import Terms
from rfq.rules.procedure import Line, Lot, Openness, Status
from rfq.tables import BudgetRow, ProcedureRow


def is_public(loaded: Loaded) -> bool:
    """Tell whether a procedure is for everybody, and public: then its steps are."""
    procedure = loaded.procedure
    return procedure.openness is Openness.OPEN and procedure.status is not Status.DRAFT


async def asked_of(tx: Transaction, loaded: Loaded) -> Asked:
    """Read what of a procedure is public; whoever reads sees more, and here it stays behind."""
    procedure, row = loaded.procedure, loaded.row
    async with acting_as_engine(tx):
        of_buyer = await tx.one(_BUYER_AND_BUDGET.where(ProcedureRow.id == procedure.id))
        forms = await _forms(tx, [each.id for each in loaded.documents()])
    return Asked(
        id=procedure.id,
        kind=procedure.kind,
        status=procedure.status,
        title=row.title,
        description=row.description,
        currency=procedure.currency,
        buyer=Company(procedure.buyer_id, of_buyer.name),
        lots=procedure.lots,
        lot_statuses=loaded.lot_statuses,
        judging=procedure.judging,
        requirements=tuple(each.title for each in procedure.requirements),
        budget=of_buyer.amount,
        # Not all there are: one that no terms have yet is the buyer's alone.
        documents=tuple(
            Attached(each.id, each.name, forms[each.id]) for each in loaded.documents()
        ),
        published_at=row.published_at,
        deadline_at=procedure.deadline_at,
        questions_until=procedure.questions_end(),
        variants=None if (taken := procedure.offering.variants) is None else taken.policy,
    )


_BUYER_AND_BUDGET: Final = (
    select(OrganizationRow.name, BudgetRow.amount)
    .join(ProcedureRow, ProcedureRow.buyer_id == OrganizationRow.id)
    .outerjoin(BudgetRow, and_(BudgetRow.procedure_id == ProcedureRow.id, BudgetRow.shown))
)


async def _forms(tx: Transaction, document_ids: Sequence[UUID]) -> dict[UUID, str]:
    if not document_ids:
        return {}
    rows = await tx.all(
        select(DocumentRow.id, DocumentRow.kind).where(DocumentRow.id.in_(document_ids))
    )
    return {row.id: row.kind for row in rows}


async def companies(tx: Transaction, ids: Collection[UUID]) -> dict[UUID, Company]:
    """Read the names of companies that a release names."""
    async with acting_as_engine(tx):
        rows = await tx.all(
            select(OrganizationRow.id, OrganizationRow.name).where(OrganizationRow.id.in_(ids))
        )
    return {row.id: Company(row.id, row.name) for row in rows}


async def tell_published(platform: Platform, tx: Transaction, loaded: Loaded) -> None:
    """Publish what is asked for: the first release of a process."""
    if not is_public(loaded):
        return
    asked = await asked_of(tx, loaded)
    await begin_process(platform, tx, asked)
    await publish(
        tx,
        asked.id,
        Step(
            tags=(tender.tag(asked.kind, ReleaseTag.TENDER),),
            buyer=Reference(id=str(asked.buyer.id), name=asked.buyer.name),
            parties=[tender.buyer_party(asked.buyer)],
            tender=tender.asked_tender(asked),
        ),
    )


async def tell_amended(tx: Transaction, loaded: Loaded, before: Terms, summary: str) -> None:
    """Publish other terms; `before` are those until now."""
    if not is_public(loaded):
        return
    asked = await asked_of(tx, loaded)
    lots = {lot.id for lot in asked.lots}
    lines = {line.id for lot in asked.lots for line in lot.lines}
    documents = {each.id for each in asked.documents}
    told = tender.asked_tender(
        asked,
        amended=True,
        removed_lots=[(lot.id, lot.title) for lot in before.lots if lot.id not in lots],
        removed_lines=_removed_lines(before.lots, lines),
        removed_documents=[
            (each.id, each.name) for each in before.documents if each.id not in documents
        ],
    )
    number = loaded.procedure.terms_version
    await publish(
        tx,
        asked.id,
        Step(
            tags=(tender.tag(asked.kind, ReleaseTag.TENDER_AMENDMENT),),
            tender=told,
            amendment=Amendment(id=f"amendment-{number}", rationale=summary),
        ),
    )


def _removed_lines(before: Sequence[Lot], left: Collection[UUID]) -> list[tuple[UUID, Line]]:
    return [(lot.id, line) for lot in before for line in lot.lines if line.id not in left]


async def tell_extended(tx: Transaction, loaded: Loaded, reason: str) -> None:
    """Publish a later deadline, and why."""
    if not is_public(loaded):
        return
    asked = await asked_of(tx, loaded)
    await publish(
        tx,
        asked.id,
        Step(
            tags=(tender.tag(asked.kind, ReleaseTag.TENDER_AMENDMENT),),
            tender=tender.extended_tender(asked),
            amendment=Amendment(id=f"deadline-{loaded.version}", rationale=reason),
        ),
    )


async def tell_answered(tx: Transaction, loaded: Loaded, answered: Answered) -> None:
    """Publish a question and its answer."""
    if is_public(loaded):
        told = tender.answered_tender(loaded.procedure.id, answered)
        await _update(tx, loaded, Step(tags=(), tender=told))


async def tell_opened(tx: Transaction, loaded: Loaded) -> None:
    """Publish that bids were opened, and which lots had too few; not how many there are."""
    if is_public(loaded):
        asked = await asked_of(tx, loaded)
        told = tender.standing_tender(asked, opened_at=loaded.row.opened_at)
        await _update(tx, loaded, Step(tags=(), tender=told))


async def tell_progress(tx: Transaction, before: Loaded) -> None:
    """Publish where the tender and its lots stand, if the public sees a difference to `before`."""
    if not is_public(before):
        return
    loaded = await load(tx, before.procedure.id)
    if _standing(loaded) != _standing(before):
        told = tender.standing_tender(await asked_of(tx, loaded))
        await _update(tx, loaded, Step(tags=(), tender=told))


def _standing(loaded: Loaded) -> tuple[object, ...]:
    kind, status = loaded.procedure.kind, loaded.procedure.status
    lots = {id_: tender.lot_status(status, each) for id_, each in loaded.lot_statuses.items()}
    return tender.tender_status(kind, status), lots


async def _update(tx: Transaction, loaded: Loaded, step: Step) -> None:
    tags = (tender.tag(loaded.procedure.kind, ReleaseTag.TENDER_UPDATE),)
    await publish(tx, loaded.procedure.id, Step(tags=tags, tender=step.tender))


async def tell_cancelled(tx: Transaction, loaded: Loaded, reason: str) -> None:
    """Publish that a procedure was cancelled, and why. A draft was never public."""
    if not is_public(loaded) or loaded.row.published_at is None:
        return
    asked = await asked_of(tx, loaded)
    await publish(
        tx,
        asked.id,
        Step(
            tags=(tender.tag(asked.kind, ReleaseTag.TENDER_CANCELLATION),),
            tender=tender.standing_tender(asked),
            amendment=Amendment(id="cancellation", rationale=reason),
        ),
    )


async def tell_auctions_started(
    tx: Transaction, loaded: Loaded, rounds: Sequence[Auctioned]
) -> None:
    """Publish that lots went into an auction."""
    if is_public(loaded):
        told = auctions.started_auctions(loaded.procedure.id, rounds)
        await _update(tx, loaded, Step(tags=(), tender=told))


async def tell_auctions_ended(
    tx: Transaction, loaded: Loaded, closed: Sequence[tuple[UUID, datetime | None]]
) -> None:
    """Publish that auctions of lots have ended, or were called off (None)."""
    if is_public(loaded):
        told = auctions.ended_auctions(loaded.procedure.id, closed)
        await _update(tx, loaded, Step(tags=(), tender=told))


async def tell_standstill(
    tx: Transaction, loaded: Loaded, lot_id: UUID, award_ids: Sequence[UUID]
) -> None:
    """Publish that a lot is to be awarded; to whom is not said before it is in force."""
    if is_public(loaded):
        lot = loaded.procedure.lot(lot_id)
        title = loaded.row.title if lot is None else lot.title
        pending = awards.pending_awards(lot_id, title, award_ids)
        await publish(tx, loaded.procedure.id, Step(tags=(ReleaseTag.AWARD,), awards=pending))


async def tell_awarded(
    tx: Transaction,
    loaded: Loaded,
    given: Sequence[Awarded],
    at: datetime,
    *,
    opened_bids: int,
    bidders: int,
    was_pending: bool,
) -> None:
    """Publish awards in force with their contracts, and how many bids and bidders there were."""
    if not is_public(loaded):
        return
    asked = await asked_of(tx, loaded)
    tag = ReleaseTag.AWARD_UPDATE if was_pending else ReleaseTag.AWARD
    told = tender.standing_tender(asked)
    told.number_of_tenderers = bidders
    await publish(
        tx,
        asked.id,
        Step(
            tags=(tag, ReleaseTag.CONTRACT),
            tender=told,
            parties=awards.suppliers(given),
            bids=awards.winning_bids(given, opened_bids),
            awards=awards.awards_in_force(asked, given, at),
            contracts=awards.contracts_of(given, at),
        ),
    )


async def tell_not_awarded(tx: Transaction, loaded: Loaded, award_ids: Sequence[UUID]) -> None:
    """Publish that pending awards do not come about."""
    if is_public(loaded):
        step = Step(
            tags=(ReleaseTag.AWARD_CANCELLATION,), awards=awards.cancelled_awards(award_ids)
        )
        await publish(tx, loaded.procedure.id, step)


async def tell_award_ended(
    tx: Transaction,
    procedure_id: UUID,
    award_id: UUID,
    contract_id: UUID | None,
    *,
    was_signed: bool,
) -> None:
    """Publish that an award in force has ended, with its contract; why is between the parties."""
    loaded = await load(tx, procedure_id)
    if not is_public(loaded):
        return
    ended = ReleaseTag.CONTRACT_TERMINATION if was_signed else ReleaseTag.CONTRACT_UPDATE
    tags = (ReleaseTag.AWARD_CANCELLATION, *(() if contract_id is None else (ended,)))
    contracts: list[Contract] | UnsetType = UNSET
    if contract_id is not None:
        contracts = [awards.ended_contract(contract_id, award_id, was_signed=was_signed)]
    await publish(
        tx,
        procedure_id,
        Step(
            tags=tags,
            tender=tender.standing_tender(await asked_of(tx, loaded)),
            awards=awards.cancelled_awards([award_id]),
            contracts=contracts,
        ),
    )


class PublishedContracts:
    """Contracts that both sides have signed (`contracts.ports.SignedContracts`)."""

    async def in_force(self, tx: Transaction, contract_id: UUID, at: datetime) -> None:
        """Publish it, where it came of an award of a public procedure."""
        async with acting_as_engine(tx):
            row = await tx.maybe(
                select(AwardRow.id, AwardRow.procedure_id).where(
                    AwardRow.contract_id == contract_id
                )
            )
        if row is not None:
            contract = awards.signed_contract(contract_id, row.id, at)
            tags = (ReleaseTag.CONTRACT_UPDATE,)
            await publish(tx, row.procedure_id, Step(tags=tags, contracts=[contract]))
