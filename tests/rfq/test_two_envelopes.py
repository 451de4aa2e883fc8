"""Two envelopes: technical first; financial only of those who pass, after scores are locked."""

import asyncio
from contextlib import nullcontext
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import msgspec
import pytest
from click.testing import CliRunner
from msgspec import structs
from sqlalchemy import select

from marketplace.kernel.errors import InvalidInput, NotPermitted, WrongState
from marketplace.platform.caller import Caller
from marketplace.platform.core import Platform
from marketplace.platform.database import Role, system_transaction, transaction
from marketplace.worker import Worker
from rfq.attachments.sealed import download_attachment, list_attachments
from rfq.awards.schemas import AwardInput
from rfq.awards.service import award_lot
from rfq.bids import service as bids
from rfq.evaluation.listing import list_bids
from rfq.evaluation.panel import declare_interest, leave_panel
from rfq.evaluation.panel_schemas import DeclarationInput, LeavingInput
from rfq.evaluation.rankings import read_ranking
from rfq.evaluation.scoring import lock_scores, read_sheet
from rfq.evaluation.tables import JudgedBidRow
from rfq.key_store import KeyStore, KeyUnusable
from rfq.officers import service as officers
from rfq.officers.schemas import OpeningApprovalInput
from rfq.opening.clock import database_clock
from rfq.opening.commands import check_opening
from rfq.opening.proofs import read_opening
from rfq.opening.service import open_at_deadline, open_procedure
from rfq.opening.tables import OpenedPricesRow, SealedPricesRow
from rfq.printouts.service import Asked, print_minutes
from rfq.procedures import publishing
from rfq.procedures.judging import RequirementInput
from rfq.procedures.reading import read_procedure
from rfq.qualification.schemas import BidderDecisionInput, FindingInput
from rfq.qualification.service import decide_bidder, end_qualification
from rfq.rules.bid import BidStatus, Part
from rfq.rules.procedure import Kind, Openness, Status
from rfq.rules.qualification import RequirementKind
from rfq.rules.sealing import Place, Wrapped
from tests.rfq.panels import Panel
from tests.rfq.parties import HOUR, MoveClock, Parties, bid, key
from tests.rfq.tenders import (
    DRAWING,
    FIRST_PAGE,
    PRICE_SHEET,
    Tender,
    terms,
    with_files,
)
from tests.rfq.test_officers import officers_of
from tests.support.documents import whole


@pytest.fixture
async def tender(platform: Platform, parties: Parties) -> Tender:
    draft = await parties.drafted(await terms(parties))
    anna = await Panel(parties).member()
    await Panel(parties).name(draft.id, anna)
    made = await publishing.publish_procedure(platform, parties.buyer, draft.id, draft.version)
    data = await with_files(parties, made)
    acme = await bids.submit_bid(platform, parties.acme, made.id, data, key())
    bolt = await parties.submit(made, parties.bolt, "2.90", "95")
    return Tender(parties, made, anna, (acme, bolt))


async def prices_seen(tender: Tender, who: Caller) -> set[UUID]:
    async with transaction(tender.platform, who) as tx:
        return {row.bidder_id for row in await tx.all(select(OpenedPricesRow.bidder_id))}


async def test_prices_of_who_passed_open_after_the_lock_and_the_others_never(
    tender: Tender, parties: Parties, owner: Any, move_clock: MoveClock
) -> None:
    platform, made = tender.platform, tender.made
    await tender.opened(move_clock)
    sheet = await read_sheet(platform, tender.anna, made.id)
    assert {each.note for each in sheet.bids} == {"With oak.", ""}
    assert await owner.fetchval("select count(*) from opened_prices") == 0
    with pytest.raises(WrongState):
        await list_bids(platform, parties.buyer, made.id)
    minutes = await print_minutes(platform, parties.buyer, made.id, Asked(["en"], "UTC"))
    assert "Prices are hidden until" in str(minutes.sheet)
    await tender.judged()
    shown = await tender.locked()
    assert shown.status is Status.EVALUATED
    assert shown.prices_opened_at is not None
    ranking = await read_ranking(platform, parties.buyer, made.id, made.lots[0].id)
    # 40 × (1000 - 580) / 1000 + 60 × 8 / 10
    assert [(each.bidder_id, each.score) for each in ranking.items] == [
        (parties.acme.organization_id, "64.8")
    ]
    acme, bolt = parties.acme.organization_id, parties.bolt.organization_id
    for who, seen in ((parties.buyer, {acme}), (parties.acme, {acme}), (parties.bolt, set())):
        assert await prices_seen(tender, who) == seen
    listed = {
        each.bidder_id: each for each in (await list_bids(platform, parties.buyer, made.id)).items
    }
    assert listed[bolt].prices is None
    assert listed[bolt].kept_closed == "It scored less than 5 in 'Quality'."
    minutes = await print_minutes(platform, parties.buyer, made.id, Asked(["en"], "UTC"))
    assert str(minutes.sheet).count("prices stay closed: It scored less than 5") == 1
    (receipt,) = (await bids.list_receipts(platform, parties.bolt, made.id)).items
    assert receipt.status == BidStatus.KEPT_CLOSED
    # For ever: the key is gone, and with it the only way into what is still stored.
    store = platform.get(KeyStore)  # type: ignore[type-abstract]
    row = await owner.fetchrow("select * from sealed_prices where bidder_id = $1", bolt)
    box = Place(made.id, bolt, 1, Part.FINANCIAL), Wrapped(row["ephemeral_key"], row["wrapped_key"])
    with pytest.raises(KeyUnusable, match="missing"):
        await store.unwrap(made.id, [box], await database_clock(platform))


async def test_the_award_is_made_from_both_envelopes_and_the_other_is_told_why(
    tender: Tender, parties: Parties, owner: Any, move_clock: MoveClock
) -> None:
    await tender.opened(move_clock)
    await tender.judged()
    opened = await tender.locked()
    day = (opened.opened_at or opened.created_at).date() + timedelta(days=90)
    data = AwardInput(lot_id=tender.made.lots[0].id, last_day=day)
    made = await award_lot(tender.platform, parties.buyer, tender.made.id, data, key())
    assert [each.supplier_id for each in made.awards] == [parties.acme.organization_id]
    reasons = await owner.fetchval(
        "select reasons from award_notices where bidder_id = $1", parties.bolt.organization_id
    )
    assert "financial envelope was not opened: It scored less than 5" in str(reasons)


async def test_those_who_judge_read_technical_attachments_and_no_financial_one(
    tender: Tender, parties: Parties, move_clock: MoveClock
) -> None:
    platform, made = tender.platform, tender.made
    with pytest.raises(WrongState):
        await list_attachments(platform, tender.anna, made.id, FIRST_PAGE)
    await tender.opened(move_clock)
    ben, cim = await Panel(parties).member(), await Panel(parties).member()
    await Panel(parties).name(made.id, ben, declared=False)
    await Panel(parties).name(made.id, cim, declared=False)
    conflict = DeclarationInput(conflict=True, statement="My brother sells for Acme.")
    await declare_interest(platform, cim, made.id, conflict)
    (drawing,) = (await list_attachments(platform, tender.anna, made.id, FIRST_PAGE)).items
    assert (drawing.name, drawing.part) == ("technical.txt", Part.TECHNICAL)
    read = await download_attachment(platform, tender.anna, made.id, drawing.id)
    assert await whole(read) == DRAWING
    stranger = await Panel(parties).member()
    for who in (ben, cim, stranger):
        with pytest.raises(NotPermitted):
            await list_attachments(platform, who, made.id, FIRST_PAGE)
        with pytest.raises(NotPermitted):
            await download_attachment(platform, who, made.id, drawing.id)
    away = LeavingInput(reason="He is away.")
    await leave_panel(platform, parties.buyer, made.id, ben.member_id, away)
    await tender.judged()
    await tender.locked()
    page = await list_attachments(platform, parties.buyer, made.id, FIRST_PAGE)
    assert sorted(each.name for each in page.items) == ["financial.txt", "technical.txt"]
    (sheet,) = [each for each in page.items if each.part is Part.FINANCIAL]
    assert sheet.invalid_reason is None
    read = await download_attachment(platform, parties.buyer, made.id, sheet.id)
    assert await whole(read) == PRICE_SHEET


async def test_row_security_hides_what_is_judged_from_who_has_a_conflict_or_has_not_declared(
    tender: Tender, parties: Parties, owner: Any, move_clock: MoveClock
) -> None:
    platform, made = tender.platform, tender.made
    await tender.opened(move_clock)
    ben, cim = await Panel(parties).member(), await Panel(parties).member()
    await Panel(parties).name(made.id, ben, cim, declared=False)
    await declare_interest(
        platform, cim, made.id, DeclarationInput(conflict=True, statement="My brother.")
    )
    score = (
        "insert into bid_scores values ($1, $2, $3, '00000000-0000-0000-0000-000000000000', $4, $5,"
        " 9, '', clock())"
    )
    quality, bid_id = (
        made.judging.criteria[1].id,
        await owner.fetchval("select bid_id from judged_bids"),
    )
    for who, sees in ((tender.anna, 2), (ben, 0), (cim, 0), (parties.buyer, 2)):
        async with transaction(platform, who) as tx:
            assert len(await tx.all(select(JudgedBidRow.bid_id))) == sees
            table = "select count(*) from opened_attachments"
            raw = await tx.raw()
            assert await raw.fetchval(table) == (1 if sees else 0)
    for who, writes in ((tender.anna, True), (ben, False), (cim, False), (parties.buyer, False)):
        values = made.id, who.member_id, bid_id, quality, parties.buyer.organization_id
        refused = nullcontext() if writes else pytest.raises(Exception, match="row-level security")
        with refused:
            async with transaction(platform, who) as tx:
                await (await tx.raw()).execute(score, *values)
    # Nor does he who sees nothing decide anything: it would be decided on nothing.
    for who in (ben, cim):
        buying = structs.replace(who, scopes=parties.buyer.scopes)
        version = (await read_procedure(platform, parties.buyer, made.id)).version
        with pytest.raises(NotPermitted):
            await lock_scores(platform, buying, made.id, version)


async def test_the_document_of_the_opening_proves_both_envelopes_and_finds_a_change(
    tender: Tender, parties: Parties, move_clock: MoveClock, tmp_path: Path
) -> None:
    await tender.opened(move_clock)
    await tender.judged()
    await tender.locked()
    file = tmp_path / "opening.json"
    options = ["--key", tender.receipts[0].signing_key]
    for number, receipt in enumerate(tender.receipts):
        kept = tmp_path / f"receipt-{number}.json"
        await asyncio.to_thread(kept.write_bytes, msgspec.json.encode(receipt))
        options += ["--receipt", str(kept)]
    for who in (parties.buyer, parties.acme, parties.bolt):
        copy = msgspec.json.encode(await read_opening(tender.platform, who, tender.made.id))
        await asyncio.to_thread(file.write_bytes, copy)
        done = CliRunner().invoke(check_opening, [str(file), *options])
        assert done.exit_code == 0, done.output
        assert done.output.count("binds both envelopes") == 2
        assert b'\\"2.9' not in copy
    whole = msgspec.json.encode(await read_opening(tender.platform, parties.buyer, tender.made.id))
    proof = whole.decode()
    assert (
        "financial envelope was not opened" in CliRunner().invoke(check_opening, [str(file)]).output
    )
    for before, after in (
        ('\\"3.1\\"', '\\"2.1\\"'),
        ("With oak.", "With elm."),
        (tender.receipts[1].parts[1].commitment, "0" * 64),
    ):
        assert proof.count(before) == 1
        await asyncio.to_thread(file.write_text, proof.replace(before, after))
        done = CliRunner().invoke(check_opening, [str(file)])
        assert done.exit_code == 1
        assert "broken" in done.output


async def test_a_replaced_and_a_withdrawn_bid_leave_both_envelopes(
    tender: Tender, parties: Parties, owner: Any, move_clock: MoveClock
) -> None:
    platform, made = tender.platform, tender.made
    (_, bolt) = tender.receipts
    await bids.replace_bid(
        platform,
        parties.bolt,
        made.id,
        bolt.bid_id,
        data=bid(made, "2.80", "95"),
        version=1,
        key=key(),
    )
    coil = await parties.submit(made, parties.coil, "1.00", "1")
    gone = await bids.withdraw_bid(platform, parties.coil, made.id, coil.bid_id, 1)
    assert [each.commitment for each in gone.parts] == [each.commitment for each in coil.parts]
    await tender.opened(move_clock)
    await tender.judged(bolt="9")
    await tender.locked()
    rows = await owner.fetch("select bidder_id, content from opened_prices")
    assert {row["bidder_id"] for row in rows} == {
        parties.acme.organization_id,
        parties.bolt.organization_id,
    }
    assert any('"2.8"' in row["content"] for row in rows)
    assert not any('"2.9"' in row["content"] for row in rows)


async def test_a_worker_opens_prices_and_destroys_the_key_should_the_process_die_after_the_lock(
    tender: Tender,
    worker: Worker,
    owner: Any,
    move_clock: MoveClock,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    await tender.opened(move_clock)
    await tender.judged()

    async def dies(*_: object) -> None:
        raise asyncio.CancelledError

    with monkeypatch.context() as patched:
        patched.setattr("rfq.evaluation.scoring.open_prices", dies)
        with pytest.raises(asyncio.CancelledError):
            await tender.locked()
    assert await owner.fetchval("select status from procedures") == "locked"
    await worker.run_until_idle()
    await asyncio.gather(*(open_at_deadline(tender.platform, tender.made.id) for _ in range(3)))
    assert await owner.fetchval("select status from procedures") == "evaluated"
    assert await owner.fetchval("select count(*) from opened_prices") == 1
    told = "select count(*) from outbox where kind = 'procedure.prices_opened'"
    sent = "select count(*) from events where kind = 'procedure.prices_opened'"
    assert await owner.fetchval(told) + await owner.fetchval(sent) == 1
    keys = list((tender.platform.settings.data_directory / "keys").glob(f"{tender.made.id}*"))
    assert [each.name for each in keys] == [f"{tender.made.id}.json"]


async def test_where_nobody_passes_the_procedure_fails_and_no_price_was_ever_open(
    tender: Tender, owner: Any, move_clock: MoveClock
) -> None:
    await tender.opened(move_clock)
    await tender.judged(acme="2", bolt="4.9")
    assert (await tender.locked()).status is Status.UNSUCCESSFUL
    assert await owner.fetchval("select count(*) from opened_prices") == 0
    assert not list((tender.platform.settings.data_directory / "keys").glob("*.financial.json"))


async def test_the_engine_sees_no_sealed_price_before_the_lock_and_then_of_who_passed_alone(
    tender: Tender, parties: Parties, move_clock: MoveClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def sealed() -> set[UUID]:
        async with system_transaction(tender.platform, Role.ENGINE) as tx:
            return {row.bidder_id for row in await tx.all(select(SealedPricesRow.bidder_id))}

    await tender.opened(move_clock)
    assert await sealed() == set()
    await tender.judged()

    async def looks(*_: object) -> None:
        assert await sealed() == {parties.acme.organization_id}

    monkeypatch.setattr("rfq.evaluation.scoring.open_prices", looks)
    assert (await tender.locked()).status is Status.LOCKED
    for who in (parties.buyer, parties.acme):
        with pytest.raises(Exception, match="permission denied"):
            async with transaction(tender.platform, who) as tx:
                await tx.all(select(SealedPricesRow.ciphertext))


async def test_two_officers_open_each_of_the_envelopes(
    platform: Platform, parties: Parties, move_clock: MoveClock
) -> None:
    people = await officers_of(parties)
    asked = msgspec.structs.replace(
        await terms(parties), officer_ids=[each.member_id for each in people]
    )
    draft = await parties.drafted(asked)
    codes = [(await officers.take_code(platform, each, draft.id)).code for each in people]
    anna = await Panel(parties).member()
    await Panel(parties).name(draft.id, anna)
    made = await publishing.publish_procedure(platform, parties.buyer, draft.id, draft.version)
    acme = await parties.submit(made, parties.acme, "3.10", "90")
    bolt = await parties.submit(made, parties.bolt, "2.90", "95")
    tender = Tender(parties, made, anna, (acme, bolt))

    async def approve(number: int) -> Any:
        data = OpeningApprovalInput(code=codes[number])
        return await officers.approve_opening(platform, people[number], made.id, data)

    await move_clock(HOUR)
    for number in (0, 1):
        minutes = await approve(number)
    assert minutes.status is Status.EVALUATION
    # Approving again opens nothing more: the technical result comes first.
    assert (await approve(2)).status is Status.EVALUATION
    await tender.judged()
    assert (await tender.locked()).status is Status.LOCKED
    assert (await approve(2)).status is Status.LOCKED
    minutes = await approve(1)
    assert minutes.status is Status.EVALUATED
    assert [(each.envelope, each.officer_id) for each in minutes.approvals] == [
        (Part.TECHNICAL, people[0].member_id),
        (Part.TECHNICAL, people[1].member_id),
        (Part.FINANCIAL, people[2].member_id),
        (Part.FINANCIAL, people[1].member_id),
    ]


async def test_without_a_panel_the_qualification_decides_whose_prices_open(
    platform: Platform, parties: Parties, move_clock: MoveClock
) -> None:
    asked = await parties.terms(openness=Openness.OPEN)
    solvent = RequirementInput(kind=RequirementKind.EXCLUSION_GROUND, title="Not insolvent")
    made = await parties.published(
        msgspec.structs.replace(asked, two_envelopes=True, requirements=[solvent])
    )
    await parties.submit(made, parties.acme, "3.10", "90")
    await parties.submit(made, parties.bolt, "2.90", "95")
    await move_clock(HOUR)
    await open_procedure(platform, parties.buyer, made.id)
    for who, met in ((parties.acme, True), (parties.bolt, False)):
        found = FindingInput(
            requirement_id=made.requirements[0].id, met=met, reason="" if met else "Insolvent."
        )
        data = BidderDecisionInput(bidder_id=who.organization_id, findings=[found])
        await decide_bidder(platform, parties.buyer, made.id, data, key())
    version = (await read_procedure(platform, parties.buyer, made.id)).version
    shown = await end_qualification(platform, parties.buyer, made.id, version)
    assert shown.status is Status.EVALUATED
    listed = {
        each.bidder_id: each.kept_closed
        for each in (await list_bids(platform, parties.buyer, made.id)).items
    }
    assert listed == {
        parties.acme.organization_id: None,
        parties.bolt.organization_id: "Not insolvent: Insolvent.",
    }


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"judging": None}, "nothing_to_judge"),
        ({"kind": Kind.RFI, "lots": [], "judging": None}, "no_prices"),
    ],
)
async def test_two_envelopes_that_would_keep_no_promise_are_refused(
    parties: Parties, change: dict[str, Any], code: str
) -> None:
    with pytest.raises(InvalidInput) as refusal:
        await parties.drafted(msgspec.structs.replace(await terms(parties), **change))
    assert code in {each.code for each in refusal.value.errors}


async def test_an_attachment_of_the_other_envelope_is_refused(
    tender: Tender, parties: Parties
) -> None:
    platform, made = tender.platform, tender.made
    data = await with_files(parties, made)
    technical, financial = data.attachments
    swapped = [
        msgspec.structs.replace(technical, part=Part.FINANCIAL),
        msgspec.structs.replace(financial, part=Part.TECHNICAL),
    ]
    for attachments, code in (
        (swapped, "other_envelope"),
        ([msgspec.structs.replace(technical, part=Part.WHOLE)], "no_such_envelope"),
    ):
        with pytest.raises(InvalidInput) as refusal:
            await bids.replace_bid(
                platform,
                parties.acme,
                made.id,
                tender.receipts[0].bid_id,
                data=msgspec.structs.replace(data, attachments=attachments),
                version=1,
                key=key(),
            )
        assert {each.code for each in refusal.value.errors} == {code}
