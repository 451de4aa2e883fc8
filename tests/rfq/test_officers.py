"""Two officers open, or nobody does: asked for by the key store, and not by the service alone."""

import asyncio
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

import msgspec
import pytest
from msgspec import structs

from marketplace.kernel.errors import Conflict, InvalidInput, NotFound, NotPermitted, WrongState
from marketplace.organizations import members
from marketplace.organizations.rules import MemberRole, Membership
from marketplace.platform.caller import Caller
from marketplace.platform.core import Platform
from marketplace.platform.database import Role, system_transaction
from marketplace.worker import Worker
from rfq.evaluation.listing import list_bids
from rfq.key_store import AwaitingOfficers, DatabaseClock, KeyStore, KeyUnusable, StillSealed
from rfq.officers import service
from rfq.officers.schemas import OpeningApprovalInput, OpeningMinutesView
from rfq.opening.clock import database_clock
from rfq.opening.proofs import read_opening
from rfq.opening.service import open_procedure
from rfq.procedures import publishing
from rfq.procedures.schemas import BuyerProcedureView
from rfq.rules.officers import code_hash, officer_errors
from rfq.rules.procedure import Openness, Status
from tests.rfq.parties import HOUR, MoveClock, Parties
from tests.rfq.test_key_store import DEADLINE, PROCEDURE, Clock, store


@dataclass(frozen=True)
class Opened:
    """A procedure with a bid, and three officers with their codes."""

    platform: Platform
    procedure: BuyerProcedureView
    officers: tuple[Caller, Caller, Caller]
    codes: tuple[str, str, str]

    async def approve(self, number: int, code: str | None = None) -> OpeningMinutesView:
        data = OpeningApprovalInput(code=code or self.codes[number])
        return await service.approve_opening(
            self.platform, self.officers[number], self.procedure.id, data
        )


async def officers_of(parties: Parties) -> tuple[Caller, Caller, Caller]:
    """Three people of the buyer's company."""
    made = []
    place = Membership(parties.buyer.organization_id, frozenset([MemberRole.VIEWER]))
    for number in range(3):
        async with system_transaction(parties.platform, Role.AUTH) as tx:
            member = await members.insert_member(
                tx, parties.buyer.organization_id, f"Officer {number}", None, [place]
            )
        made.append(
            structs.replace(
                parties.buyer, member_id=member.id, scopes=frozenset({"rfq:open", "rfq:read"})
            )
        )
    one, two, three = made
    return one, two, three


@pytest.fixture
async def sealed(platform: Platform, parties: Parties) -> Opened:
    officers = await officers_of(parties)
    terms = await parties.terms(openness=Openness.OPEN)
    terms.officer_ids = [each.member_id for each in officers]
    draft = await parties.drafted(terms)
    with pytest.raises(Conflict, match="code"):
        await publishing.publish_procedure(platform, parties.buyer, draft.id, draft.version)
    codes = [(await service.take_code(platform, each, draft.id)).code for each in officers]
    made = await publishing.publish_procedure(platform, parties.buyer, draft.id, draft.version)
    await parties.submit(made, parties.acme, "3", "90")
    return Opened(platform, made, officers, (codes[0], codes[1], codes[2]))


async def test_at_the_deadline_the_root_is_published_and_two_officers_open(
    platform: Platform, parties: Parties, sealed: Opened, worker: Worker, move_clock: MoveClock
) -> None:
    made = sealed.procedure
    with pytest.raises(Conflict):
        await sealed.approve(0)
    await move_clock(HOUR)
    await worker.run_until_idle()
    assert (await open_procedure(platform, parties.buyer, made.id)).status is Status.CLOSED
    minutes = await sealed.approve(0)
    again = await sealed.approve(0)
    assert minutes == again
    assert (minutes.status, len(minutes.approvals)) == (Status.CLOSED, 1)
    assert minutes.bids_root is not None
    with pytest.raises(WrongState):
        await list_bids(platform, parties.buyer, made.id)
    minutes = await sealed.approve(2)
    assert minutes.status is Status.OPENED
    both = [sealed.officers[0].member_id, sealed.officers[2].member_id]
    assert [each.officer_id for each in minutes.approvals] == both
    assert len((await list_bids(platform, parties.buyer, made.id)).items) == 1
    for reader in (parties.buyer, parties.acme):
        proof = await read_opening(platform, reader, made.id)
        assert [each.officer_id for each in proof.approvals] == both


async def test_two_officers_open_at_once_and_the_bids_are_opened_once(
    sealed: Opened, owner: Any, move_clock: MoveClock
) -> None:
    await move_clock(HOUR)
    await asyncio.gather(sealed.approve(0), sealed.approve(1), sealed.approve(0), sealed.approve(1))
    assert await owner.fetchval("select count(*) from opened_bids") == 1
    assert await owner.fetchval("select count(*) from opening_approvals") == 2
    opened = "select count(*) from outbox where kind = 'procedure.opened'"
    assert await owner.fetchval(opened) == 1


async def test_only_a_named_officer_with_his_own_code_approves(
    platform: Platform, parties: Parties, sealed: Opened, owner: Any, move_clock: MoveClock
) -> None:
    made = sealed.procedure
    await move_clock(HOUR)
    for code in ("00", sealed.codes[1]):
        with pytest.raises(NotPermitted):
            await sealed.approve(0, code)
    stranger = structs.replace(parties.buyer, scopes=frozenset({"rfq:open"}))
    data = OpeningApprovalInput(code=sealed.codes[0])
    with pytest.raises(NotPermitted):
        await service.approve_opening(platform, stranger, made.id, data)
    rival = structs.replace(parties.acme, scopes=frozenset({"rfq:open", "rfq:read"}))
    with pytest.raises(NotFound):
        await service.approve_opening(platform, rival, made.id, data)
    # Whatever a database administrator writes: the key store has codes of its own.
    member = sealed.officers[0].member_id
    await owner.execute(
        "update opening_codes set code_hash = $1 where officer_id = $2",
        code_hash(made.id, member, "00"),
        member,
    )
    await owner.execute("update procedures set officer_ids = '{}'")
    await owner.execute(
        "insert into opening_approvals select procedure_id, 'whole', officer_id, buyer_id, clock()"
        " from opening_codes"
    )
    assert (await open_procedure(platform, parties.buyer, made.id)).status is Status.CLOSED
    assert await owner.fetchval("select count(*) from opened_bids") == 0


async def test_what_two_have_approved_a_worker_opens_should_the_api_have_died(
    platform: Platform, sealed: Opened, worker: Worker, move_clock: MoveClock
) -> None:
    await move_clock(HOUR)
    await sealed.approve(0)
    keys = platform.get(KeyStore)  # type: ignore[type-abstract]
    clock = await database_clock(platform)
    member = sealed.officers[1].member_id
    await keys.approve(sealed.procedure.id, member, sealed.codes[1], clock)
    await worker.run_until_idle()
    minutes = await service.read_minutes(platform, sealed.officers[0], sealed.procedure.id)
    assert (minutes.status, len(minutes.approvals)) == (Status.OPENED, 2)


async def test_a_code_is_for_officers_in_the_draft_and_the_last_one_counts(
    platform: Platform, parties: Parties, sealed: Opened
) -> None:
    with pytest.raises(WrongState):
        await service.take_code(platform, sealed.officers[0], sealed.procedure.id)
    terms = await parties.terms()
    terms.officer_ids = [each.member_id for each in sealed.officers]
    draft = await parties.drafted(terms)
    outsider = structs.replace(sealed.officers[0], member_id=parties.buyer.member_id)
    with pytest.raises(NotPermitted):
        await service.take_code(platform, outsider, draft.id)
    codes = [(await service.take_code(platform, sealed.officers[0], draft.id)) for _ in range(2)]
    assert codes[0].code != codes[1].code
    for ids in ([sealed.officers[0].member_id], [parties.acme.member_id, parties.buyer.member_id]):
        wrong = msgspec.structs.replace(terms, officer_ids=ids)
        with pytest.raises(InvalidInput) as refusal:
            await parties.drafted(wrong)
        assert refusal.value.errors[0].pointer.startswith("/officer_ids")


def test_officers_are_none_or_two_to_five_different_ones() -> None:
    ids = [PROCEDURE, *(UUID(int=n) for n in range(5))]
    assert [list(officer_errors(each)) for each in ([], ids[:2], ids[:5])] == [[], [], []]
    assert [error.code for error in officer_errors([PROCEDURE, PROCEDURE])] == ["twice"]
    assert [error.code for error in officer_errors(ids)] == ["too_many"]


ONE, TWO, THREE = (UUID(int=n) for n in (1, 2, 3))
HASHES = {each: code_hash(PROCEDURE, each, f"c{each.int}") for each in (ONE, TWO, THREE)}
PASSED = DatabaseClock(DEADLINE)


async def test_the_key_store_itself_asks_for_two_different_officers_after_the_deadline(
    tmp_path: Path,
) -> None:
    early = store(tmp_path)
    await early.create(PROCEDURE, DEADLINE, HASHES)
    with pytest.raises(StillSealed):
        await early.approve(PROCEDURE, ONE, "c1", DatabaseClock(DEADLINE + HOUR))
    keys = store(tmp_path, Clock(DEADLINE))
    with pytest.raises(AwaitingOfficers):
        await keys.release(PROCEDURE, PASSED)
    await asyncio.gather(*(keys.approve(PROCEDURE, ONE, "c1", PASSED) for _ in range(3)))
    with pytest.raises(AwaitingOfficers) as refusal:
        await keys.release(PROCEDURE, PASSED)
    assert refusal.value.given == 1
    with pytest.raises(NotPermitted):
        await keys.approve(PROCEDURE, TWO, "c1", PASSED)
    await keys.approve(PROCEDURE, TWO, "C2 ", PASSED)
    await keys.release(PROCEDURE, PASSED)
    assert [each.officer_id for each in await keys.approvals(PROCEDURE)] == [ONE, TWO]


async def test_officers_edited_in_the_keys_file_make_it_useless_and_a_later_deadline_keeps_them(
    tmp_path: Path,
) -> None:
    keys = store(tmp_path, Clock(DEADLINE))
    await keys.create(PROCEDURE, DEADLINE, HASHES)
    await keys.extend(PROCEDURE, DEADLINE + HOUR)
    with pytest.raises(Conflict):
        await keys.create(PROCEDURE, DEADLINE + HOUR, {ONE: HASHES[ONE], TWO: HASHES[TWO]})
    later = store(tmp_path, Clock(DEADLINE + HOUR))
    with pytest.raises(AwaitingOfficers):
        await later.release(PROCEDURE, DatabaseClock(DEADLINE + HOUR))
    file = tmp_path / "keys" / f"{PROCEDURE}.json"
    whole = msgspec.json.decode(file.read_bytes())
    for officers in (
        [],
        [{**each, "approved_at": "2026-03-02T12:00:00Z"} for each in whole["officers"]],
    ):
        file.write_bytes(msgspec.json.encode({**whole, "officers": officers}))
        with pytest.raises(KeyUnusable):
            await later.release(PROCEDURE, DatabaseClock(DEADLINE + HOUR))
