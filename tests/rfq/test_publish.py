import sys
from datetime import date, timedelta
from uuid import UUID

import msgspec
import pytest
from msgspec import structs

from marketplace.kernel.errors import (
    Conflict,
    InvalidInput,
    NotFound,
    NotPermitted,
    StaleVersion,
    WrongState,
)
from marketplace.kernel.ids import new_id
from marketplace.kernel.periods import Counting
from marketplace.platform.caller import Caller
from marketplace.platform.core import Platform
from marketplace.platform.http.paging import PageRequest
from rfq.procedures import publishing, reading
from rfq.procedures.schemas import BuyerProcedureView, InvitationInput, SupplierProcedureView
from rfq.rules.procedure import Openness, Status
from tests.rfq.parties import HOUR, MoveClock, Parties, key


def invite(*ids: UUID) -> InvitationInput:
    return InvitationInput(supplier_ids=list(ids))


async def test_a_draft_is_seen_by_its_buyer_alone(platform: Platform, parties: Parties) -> None:
    draft = await parties.drafted()
    await publishing.invite_suppliers(
        platform, parties.buyer, draft.id, invite(parties.acme.organization_id), key()
    )
    seen = await reading.read_procedure(platform, parties.buyer, draft.id)
    assert isinstance(seen, BuyerProcedureView)
    with pytest.raises(NotFound):
        await reading.read_procedure(platform, parties.acme, draft.id)


async def test_a_published_procedure_is_seen_by_the_invited_and_nobody_else(
    platform: Platform, parties: Parties
) -> None:
    draft = await parties.drafted()
    draft = await publishing.invite_suppliers(
        platform, parties.buyer, draft.id, invite(parties.acme.organization_id), key()
    )
    await publishing.publish_procedure(platform, parties.buyer, draft.id, draft.version)
    seen = await reading.read_procedure(platform, parties.acme, draft.id)
    assert seen.status is Status.PUBLISHED
    with pytest.raises(NotFound):
        await reading.read_procedure(platform, parties.bolt, draft.id)


async def test_public_holidays_stand_in_the_terms_as_days_beside_the_buyers_own(
    platform: Platform, parties: Parties
) -> None:
    terms = await parties.terms(openness=Openness.OPEN)
    terms.deadline_at += timedelta(days=30)
    year = terms.deadline_at.year
    terms = msgspec.structs.replace(
        terms,
        standstill_days=5,
        standstill_in=Counting.WORKING_DAYS,
        questions_days=2,
        answer_days=3,
        amendment_notice_days=1,
        periods_in=Counting.WORKING_DAYS,
        holidays="DE-BW",
        non_working_days=[date(year, 12, 24)],
    )
    made = await parties.published(terms)
    seen = await reading.read_procedure(platform, parties.acme, made.id)
    assert (seen.standstill_in, seen.holidays) == (Counting.WORKING_DAYS, "DE-BW")
    assert (seen.periods_in, seen.answer_days) == (Counting.WORKING_DAYS, 3)
    assert seen.questions_end_at is not None
    assert seen.questions_end_at < seen.deadline_at - timedelta(days=1)
    # Epiphany is one in Baden-Wuerttemberg, and not in Berlin.
    assert {date(year, 1, 6), date(year, 12, 24), date(year + 1, 12, 25)} <= {
        *seen.non_working_days
    }
    assert "holidays" not in sys.modules, "the API's process holds no library of holidays"
    with pytest.raises(InvalidInput) as refused:
        await parties.drafted(msgspec.structs.replace(terms, holidays="XX"))
    assert refused.value.errors[0].pointer == "/holidays"


async def test_an_open_procedure_is_seen_by_every_supplier(
    platform: Platform, parties: Parties
) -> None:
    made = await parties.published(await parties.terms(openness=Openness.OPEN))
    for supplier in parties.suppliers:
        assert (await reading.read_procedure(platform, supplier, made.id)).id == made.id


async def test_suppliers_are_not_told_who_else_was_invited(
    platform: Platform, parties: Parties
) -> None:
    made = await parties.published()
    seen = await reading.read_procedure(platform, parties.acme, made.id)
    assert type(seen) is SupplierProcedureView
    text = msgspec.json.encode(seen).decode()
    for other in (parties.bolt, parties.coil):
        assert str(other.organization_id) not in text


async def test_who_is_invited_after_the_publication_sees_it_at_once(
    platform: Platform, parties: Parties
) -> None:
    draft = await parties.drafted()
    acme, bolt = parties.acme.organization_id, parties.bolt.organization_id
    draft = await publishing.invite_suppliers(
        platform, parties.buyer, draft.id, invite(acme), key()
    )
    made = await publishing.publish_procedure(platform, parties.buyer, draft.id, draft.version)
    later = await publishing.invite_suppliers(
        platform, parties.buyer, made.id, invite(bolt, acme), key()
    )
    assert later.version == made.version + 1
    assert set(later.invited_ids) == {acme, bolt}
    await reading.read_procedure(platform, parties.bolt, made.id)


async def test_only_suppliers_are_invited(platform: Platform, parties: Parties) -> None:
    draft = await parties.drafted()
    for stranger in (new_id(), parties.buyer.organization_id):
        with pytest.raises(InvalidInput) as refusal:
            await publishing.invite_suppliers(
                platform,
                parties.buyer,
                draft.id,
                invite(parties.acme.organization_id, stranger),
                key(),
            )
        assert refusal.value.errors[0].pointer == "/supplier_ids/1"


async def test_publication_needs_an_invitation_and_the_present_version(
    platform: Platform, parties: Parties
) -> None:
    draft = await parties.drafted()
    with pytest.raises(Conflict):
        await publishing.publish_procedure(platform, parties.buyer, draft.id, draft.version)
    await publishing.invite_suppliers(
        platform, parties.buyer, draft.id, invite(parties.acme.organization_id), key()
    )
    with pytest.raises(StaleVersion):
        await publishing.publish_procedure(platform, parties.buyer, draft.id, draft.version + 7)


async def test_a_procedure_is_published_once(platform: Platform, parties: Parties) -> None:
    made = await parties.published()
    with pytest.raises(WrongState):
        await publishing.publish_procedure(platform, parties.buyer, made.id, made.version)


async def test_nothing_is_published_after_its_deadline(
    platform: Platform, parties: Parties, move_clock: MoveClock
) -> None:
    draft = await parties.drafted()
    await publishing.invite_suppliers(
        platform, parties.buyer, draft.id, invite(parties.acme.organization_id), key()
    )
    await move_clock(HOUR)
    with pytest.raises(InvalidInput) as refusal:
        await publishing.publish_procedure(platform, parties.buyer, draft.id, draft.version)
    assert refusal.value.errors[0].pointer == "/deadline_at"


async def test_a_supplier_runs_no_procedure_and_a_foreign_one_is_not_there(
    platform: Platform, parties: Parties
) -> None:
    made = await parties.published()
    with pytest.raises(NotPermitted):
        await publishing.create_procedure(platform, parties.acme, await parties.terms(), key())
    for verb in (
        publishing.publish_procedure(platform, other_buyer(parties), made.id, made.version),
        publishing.invite_suppliers(
            platform, other_buyer(parties), made.id, invite(new_id()), key()
        ),
    ):
        with pytest.raises(NotFound):
            await verb


def other_buyer(parties: Parties) -> Caller:
    return structs.replace(parties.acme, scopes=parties.buyer.scopes)


async def test_a_retried_draft_is_one_procedure(platform: Platform, parties: Parties) -> None:
    terms = await parties.terms()
    twins = [
        await publishing.create_procedure(platform, parties.buyer, terms, key("same"))
        for _ in range(2)
    ]
    assert twins[0] == twins[1]
    listed = await reading.list_procedures(platform, parties.buyer, PageRequest(10, None))
    assert [item.id for item in listed.items] == [twins[0].id]


async def test_the_list_holds_own_procedures_and_those_to_bid_in(
    platform: Platform, parties: Parties
) -> None:
    made = [await parties.published() for _ in range(3)]
    await parties.drafted()
    first = await reading.list_procedures(platform, parties.acme, PageRequest(2, None))
    rest = await reading.list_procedures(platform, parties.acme, PageRequest(2, first.next))
    assert [item.id for item in (*first.items, *rest.items)] == [p.id for p in reversed(made)]
    assert rest.next is None
    own = await reading.list_procedures(platform, parties.buyer, PageRequest(10, None))
    assert len(own.items) == 4


async def test_terms_are_checked_with_their_place(platform: Platform, parties: Parties) -> None:
    terms = await parties.terms()
    bad = msgspec.structs.replace(terms, currency="XXX")
    with pytest.raises(InvalidInput):
        await publishing.create_procedure(platform, parties.buyer, bad, key())
