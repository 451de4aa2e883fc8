import asyncio
import hashlib
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PublicKey
from sqlalchemy import func, select

from marketplace.kernel.errors import Conflict, NotFound, NotPermitted, WrongState
from marketplace.platform.caller import Caller
from marketplace.platform.core import Platform
from marketplace.platform.database import Role, system_transaction, transaction
from marketplace.worker import Worker
from rfq.bids.schemas import ReceiptView
from rfq.bids.service import list_receipts, replace_bid, withdraw_bid
from rfq.evaluation.listing import list_bids
from rfq.key_store import DatabaseClock, KeyStore, StillSealed
from rfq.opening import service as opening
from rfq.opening.service import close_bids, open_at_deadline, open_procedure
from rfq.procedures.reading import read_procedure
from rfq.procedures.schemas import BuyerProcedureView
from rfq.rules.bid import BidStatus
from rfq.rules.procedure import LotStatus, Status
from rfq.rules.sealing import Leaf, Place, commitment, merkle_root, seal
from tests.rfq.parties import HOUR, MoveClock, Parties, bid, key

PLANTED = "731.90517"
DatabaseText = Callable[[], Awaitable[str]]


async def events(owner: Any, kind: str) -> list[Any]:
    rows: list[Any] = await owner.fetch(
        "select kind, audience, payload, version from outbox where kind = $1"
        " union all select kind, audience, payload, version from events where kind = $1",
        kind,
    )
    return rows


async def opened(parties: Parties, move_clock: MoveClock) -> BuyerProcedureView:
    """Three bids, one replaced; opened by the buyer."""
    made = await parties.published()
    first = await parties.submit(made, parties.acme, "3.10", "90")
    await parties.submit(made, parties.bolt, "2.90", "95")
    await parties.submit(made, parties.coil, "3.00", "80")
    await replace_bid(
        parties.platform,
        parties.acme,
        made.id,
        first.bid_id,
        data=bid(made, "2.80", "90"),
        version=1,
        key=key(),
    )
    await move_clock(HOUR)
    return await open_procedure(parties.platform, parties.buyer, made.id)


async def test_at_the_deadline_the_worker_opens_and_ranks_the_bids(
    platform: Platform, parties: Parties, worker: Worker, move_clock: MoveClock
) -> None:
    made = await parties.published()
    await parties.submit(made, parties.acme, "3.10", "90")
    await parties.submit(made, parties.bolt, "2.90", "95")
    await worker.run_until_idle()
    assert (await read_procedure(platform, parties.buyer, made.id)).status is Status.PUBLISHED
    await move_clock(HOUR)
    await worker.run_until_idle()
    assert (await read_procedure(platform, parties.buyer, made.id)).status is Status.OPENED
    listed = await list_bids(platform, parties.buyer, made.id)
    assert [(b.bidder_id, b.offers[0].rank, b.offers[0].total.amount) for b in listed.items] == [
        (parties.bolt.organization_id, 1, "575.00"),
        (parties.acme.organization_id, 2, "580.00"),
    ]


async def test_nobody_reads_a_bid_before_the_deadline(
    platform: Platform, parties: Parties, move_clock: MoveClock
) -> None:
    made = await parties.published()
    await parties.submit(made, parties.acme, "3.10", "90")
    await move_clock(HOUR - timedelta(seconds=20))
    with pytest.raises(WrongState) as refusal:
        await list_bids(platform, parties.buyer, made.id)
    assert "1" not in refusal.value.detail
    with pytest.raises(Conflict):
        await open_procedure(platform, parties.buyer, made.id)
    with pytest.raises(Conflict):
        await open_at_deadline(platform, made.id)
    for other in (parties.acme, parties.bolt):
        with pytest.raises((NotFound, NotPermitted)):
            await list_bids(platform, other, made.id)


async def test_before_the_opening_the_answers_do_not_depend_on_how_many_bid(
    platform: Platform, parties: Parties
) -> None:
    made = await parties.published()
    views = []
    for supplier in (None, *parties.suppliers):
        if supplier is not None:
            await parties.submit(made, supplier, "3", "90")
        for reader in (parties.buyer, parties.coil):
            seen = await read_procedure(platform, reader, made.id)
            views.append((reader, msgspec.json.encode(seen)))
    assert len(set(views)) == 2


async def test_a_planted_price_is_in_no_table_before_the_opening(
    platform: Platform,
    parties: Parties,
    owner: Any,
    database_text: DatabaseText,
    move_clock: MoveClock,
) -> None:
    made = await parties.published()
    await parties.submit(made, parties.acme, PLANTED, "90", name="planted")
    everything = await database_text()
    assert str(parties.acme.organization_id) in everything
    encoded = [PLANTED, PLANTED.replace(".", ""), PLANTED.encode().hex()]
    assert [text for text in encoded if text in everything] == []
    await move_clock(HOUR)
    await open_at_deadline(platform, made.id)
    assert PLANTED in await database_text()
    assert await owner.fetchval("select count(*) from opened_bids") == 1


async def test_the_engine_sees_no_envelope_of_a_procedure_that_has_not_closed(
    platform: Platform, parties: Parties
) -> None:
    made = await parties.published()
    await parties.submit(made, parties.acme, "3", "90")
    for role in Role:
        async with system_transaction(platform, role) as tx:
            raw = await tx.raw()
            granted = "select has_column_privilege('sealed_bids', 'ciphertext', 'select')"
            if await raw.fetchval(granted):
                assert role is Role.ENGINE
                assert await raw.fetch("select ciphertext from sealed_bids") == []
    async with transaction(platform, parties.buyer) as tx:
        assert await (await tx.raw()).fetch("select commitment from sealed_bids") == []


async def test_with_all_of_the_database_and_no_key_store_nothing_opens(
    platform: Platform, parties: Parties, owner: Any
) -> None:
    made = await parties.published()
    await parties.submit(made, parties.acme, "3", "90")
    await owner.execute("update procedures set deadline_at = clock() - interval '1 day'")
    with pytest.raises(StillSealed):
        await open_at_deadline(platform, made.id)
    assert await owner.fetchval("select count(*) from opened_bids") == 0
    with pytest.raises(WrongState):
        await list_bids(platform, parties.buyer, made.id)


async def test_an_exchanged_public_key_seals_nothing_to_the_thief(
    platform: Platform, parties: Parties, owner: Any, move_clock: MoveClock
) -> None:
    made = await parties.published()
    await owner.execute("update procedures set sealing_key = decode(repeat('09', 32), 'hex')")
    await parties.submit(made, parties.acme, "3", "90")
    await move_clock(HOUR)
    await open_at_deadline(platform, made.id)
    listed = await list_bids(platform, parties.buyer, made.id)
    assert [item.invalid_reason for item in listed.items] == [None]


async def test_a_database_clock_ahead_of_the_key_stores_own_opens_nothing(
    platform: Platform, parties: Parties
) -> None:
    made = await parties.published()
    store = platform.get(KeyStore)  # type: ignore[type-abstract]
    with pytest.raises(StillSealed):
        await store.release(made.id, DatabaseClock(made.deadline_at + HOUR))


async def test_eight_openers_at_once_open_once(
    platform: Platform, parties: Parties, owner: Any, move_clock: MoveClock
) -> None:
    made = await parties.published()
    for supplier in parties.suppliers:
        await parties.submit(made, supplier, "3", "90")
    await move_clock(HOUR)
    await asyncio.gather(*(open_at_deadline(platform, made.id) for _ in range(8)))
    assert await owner.fetchval("select count(*) from opened_bids") == 3
    for kind in ("procedure.closed", "procedure.opened"):
        assert len(await events(owner, kind)) == 1
    after = await read_procedure(platform, parties.buyer, made.id)
    assert (after.status, after.version) == (Status.OPENED, made.version + 2)


async def test_opening_again_is_harmless(
    platform: Platform, parties: Parties, move_clock: MoveClock
) -> None:
    made = await opened(parties, move_clock)
    assert await open_procedure(platform, parties.buyer, made.id) == made


async def test_bids_that_race_the_deadline_are_in_time_or_late_and_never_lost(
    platform: Platform, parties: Parties, owner: Any, move_clock: MoveClock
) -> None:
    made = await parties.published()
    firsts = [await parties.submit(made, supplier, "3", "90") for supplier in parties.suppliers]
    async with system_transaction(platform, Role.ENGINE) as tx:
        now = await tx.scalar(select(func.clock()))
    await move_clock(made.deadline_at - now - timedelta(milliseconds=150))

    async def hammer(supplier: Caller, view: ReceiptView) -> int:
        try:
            while True:
                view = await replace_bid(
                    platform,
                    supplier,
                    made.id,
                    view.bid_id,
                    data=bid(made, "3", "90"),
                    version=view.version,
                    key=key(),
                )
        except WrongState:
            return view.version

    async def open_it() -> None:
        while True:
            try:
                await open_at_deadline(platform, made.id)
            except Conflict:
                await asyncio.sleep(0.005)
            else:
                return

    answers: list[Any] = await asyncio.gather(*map(hammer, parties.suppliers, firsts), open_it())
    versions = answers[:-1]
    rows = await owner.fetch("select bidder_id, version from opened_bids")
    assert {(row["bidder_id"], row["version"]) for row in rows} == {
        (supplier.organization_id, version)
        for supplier, version in zip(parties.suppliers, versions, strict=True)
    }
    late = "select count(*) from sealed_bids where submitted_at >= $1"
    assert await owner.fetchval(late, made.deadline_at) == 0
    entries = await owner.fetchval("select jsonb_array_length(bid_entries) from procedures")
    assert entries == sum(versions)


async def test_only_the_live_version_is_opened_and_a_withdrawn_bid_is_not(
    platform: Platform, parties: Parties, owner: Any, move_clock: MoveClock
) -> None:
    made = await parties.published()
    gone = await parties.submit(made, parties.acme, "1", "1")
    await withdraw_bid(platform, parties.acme, made.id, gone.bid_id, 1)
    kept = await parties.submit(made, parties.bolt, "2", "2")
    await replace_bid(
        platform,
        parties.bolt,
        made.id,
        kept.bid_id,
        data=bid(made, "3", "3"),
        version=1,
        key=key(),
    )
    await move_clock(HOUR)
    await open_at_deadline(platform, made.id)
    listed = await list_bids(platform, parties.buyer, made.id)
    assert [(item.id, item.version) for item in listed.items] == [(kept.bid_id, 2)]
    statuses = await owner.fetch("select status from sealed_bids order by status")
    assert [row["status"] for row in statuses] == ["opened", "replaced", "withdrawn"]


async def test_what_was_opened_is_what_was_committed_to(
    platform: Platform, parties: Parties, move_clock: MoveClock
) -> None:
    made = await opened(parties, move_clock)
    for item in (await list_bids(platform, parties.buyer, made.id)).items:
        place = Place(made.id, item.bidder_id, item.version)
        assert item.nonce is not None
        assert item.content is not None
        found = commitment(place, bytes.fromhex(item.nonce), item.content.encode())
        assert found.hex() == item.commitment


async def test_the_root_was_published_before_the_opening_and_holds_every_version(
    platform: Platform, parties: Parties, owner: Any, move_clock: MoveClock
) -> None:
    made = await parties.published()
    first = await parties.submit(made, parties.acme, "3", "90")
    second = await replace_bid(
        platform,
        parties.acme,
        made.id,
        first.bid_id,
        data=bid(made, "2", "90"),
        version=1,
        key=key(),
    )
    await move_clock(HOUR)
    assert await close_bids(platform, made.id) is Status.CLOSED
    closed = await read_procedure(platform, parties.acme, made.id)
    assert closed.bids_root is not None
    assert (closed.bid_leaves, closed.bids_blinding) == (None, None)
    with pytest.raises(WrongState):
        await list_bids(platform, parties.buyer, made.id)
    await open_at_deadline(platform, made.id)
    seen = await read_procedure(platform, parties.acme, made.id)
    assert seen.bids_root == closed.bids_root
    assert seen.bid_leaves is not None
    assert seen.bids_blinding is not None
    hashes = [bytes.fromhex(leaf) for leaf in seen.bid_leaves]
    assert merkle_root(hashes).hex() == seen.bids_root
    own = {
        Leaf(bytes.fromhex(view.commitment), status).hashed()
        for view, status in ((first, BidStatus.REPLACED), (second, BidStatus.LIVE))
    }
    blinded = hashlib.sha256(b"\x00" + bytes.fromhex(seen.bids_blinding)).digest()
    assert set(hashes) == {*own, blinded}
    payload = msgspec.json.decode((await events(owner, "procedure.closed"))[0]["payload"])
    assert payload["bids_root"] == seen.bids_root


async def test_a_tampered_envelope_is_an_invalid_bid_and_stops_no_other(
    platform: Platform, parties: Parties, owner: Any, move_clock: MoveClock
) -> None:
    made = await parties.published()
    broken = await parties.submit(made, parties.acme, "1", "1")
    await parties.submit(made, parties.bolt, "2", "2")
    await owner.execute(
        "update sealed_bids"
        " set ciphertext = set_byte(ciphertext, 40, 255 - get_byte(ciphertext, 40)) where id = $1",
        broken.bid_id,
    )
    await move_clock(HOUR)
    await open_at_deadline(platform, made.id)
    good, bad = (await list_bids(platform, parties.buyer, made.id)).items
    assert good.offers[0].rank == 1
    assert (bad.id, bad.offers, bad.content) == (broken.bid_id, [], None)
    assert bad.invalid_reason is not None
    receipts = await list_receipts(platform, parties.acme, made.id)
    assert [item.status for item in receipts.items] == ["invalid"]


async def test_an_envelope_swapped_for_anothers_opens_as_invalid(
    platform: Platform, parties: Parties, owner: Any, move_clock: MoveClock
) -> None:
    made = await parties.published()
    await parties.submit(made, parties.acme, "1", "1")
    await parties.submit(made, parties.bolt, "2", "2")
    await owner.execute("""
        update sealed_bids mine set ciphertext = other.ciphertext, wrapped_key = other.wrapped_key,
               ephemeral_key = other.ephemeral_key
        from sealed_bids other where other.bidder_id <> mine.bidder_id
    """)
    await move_clock(HOUR)
    await open_at_deadline(platform, made.id)
    listed = await list_bids(platform, parties.buyer, made.id)
    assert all(item.invalid_reason for item in listed.items)


@pytest.mark.parametrize(
    "text",
    [
        '{"currency":"EUR","form":"rfq.bid/1","lines":[],"note":"\0"}',
        '{"currency":"EUR","form":"rfq.bid/1","lines":[LINE],"note":""}',
        "\0",
        "[" * 5_000,
    ],
)
async def test_whatever_a_strict_client_sealed_stops_no_other(
    platform: Platform, parties: Parties, owner: Any, move_clock: MoveClock, text: str
) -> None:
    made = await parties.published()
    own = await parties.submit(made, parties.acme, "1", "1")
    await parties.submit(made, parties.bolt, "2", "2")
    tiny = {"line_id": str(made.lots[0].lines[0].id), "unit_amount": "1", "basis": "1E-999999999"}
    text = text.replace("LINE", msgspec.json.encode(tiny).decode())
    sealed = seal(
        text.encode(),
        Place(made.id, parties.acme.organization_id, 1),
        X25519PublicKey.from_public_bytes(bytes.fromhex(made.sealing_key)),
    )
    await owner.execute(
        "update sealed_bids set ciphertext = $1, wrapped_key = $2, ephemeral_key = $3,"
        " commitment = $4 where id = $5",
        sealed.envelope.ciphertext,
        sealed.envelope.wrapped_key,
        sealed.envelope.ephemeral_key,
        sealed.commitment,
        own.bid_id,
    )
    await move_clock(HOUR)
    await open_at_deadline(platform, made.id)
    good, bad = (await list_bids(platform, parties.buyer, made.id)).items
    assert (good.invalid_reason, bad.id) == (None, own.bid_id)
    assert bad.invalid_reason is not None


async def test_a_lot_without_bids_fails_and_the_others_go_on(
    platform: Platform, parties: Parties, move_clock: MoveClock
) -> None:
    made = await parties.published(await parties.terms(lots=2))
    await parties.submit(made, parties.acme, "1", "1")
    await move_clock(HOUR)
    after = await open_procedure(platform, parties.buyer, made.id)
    assert after.status is Status.OPENED
    assert [lot.status for lot in after.lots] == [LotStatus.OPENED, LotStatus.UNSUCCESSFUL]


async def test_a_procedure_with_too_few_bids_ends_unsuccessful(
    platform: Platform, parties: Parties, move_clock: MoveClock
) -> None:
    made = await parties.published(await parties.terms(minimum_bids=2))
    await parties.submit(made, parties.acme, "1", "1")
    await move_clock(HOUR)
    after = await open_procedure(platform, parties.buyer, made.id)
    assert after.status is Status.UNSUCCESSFUL
    empty = await parties.published()
    await move_clock(HOUR)
    after = await open_procedure(platform, parties.buyer, empty.id)
    assert after.status is Status.UNSUCCESSFUL
    assert (await list_bids(platform, parties.buyer, empty.id)).items == []


async def test_news_of_bids_reach_their_bidder_alone_and_the_opening_all_who_bid(
    parties: Parties, owner: Any, move_clock: MoveClock
) -> None:
    await opened(parties, move_clock)
    for event in await events(owner, "bid.submitted"):
        assert len(event["audience"]) == 1
        assert event["audience"][0] != parties.buyer.organization_id
    told = (await events(owner, "procedure.opened"))[0]
    everybody = (parties.buyer, *parties.suppliers)
    assert set(told["audience"]) == {who.organization_id for who in everybody}
    assert set(msgspec.json.decode(told["payload"])) == {"status", "bids_root"}


async def test_after_the_opening_a_bidder_sees_his_own_bid_and_no_rivals(
    platform: Platform, parties: Parties, move_clock: MoveClock
) -> None:
    await opened(parties, move_clock)
    async with transaction(platform, parties.acme) as tx:
        rows = await (await tx.raw()).fetch("select bidder_id from opened_bids")
    assert [row["bidder_id"] for row in rows] == [parties.acme.organization_id]


async def test_after_the_opening_the_receipt_shows_its_nonce_again(
    platform: Platform, parties: Parties, move_clock: MoveClock
) -> None:
    made = await opened(parties, move_clock)
    newest, oldest = (await list_receipts(platform, parties.acme, made.id)).items
    assert (newest.status, oldest.status) == ("opened", "replaced")
    assert isinstance(newest.nonce, str)
    assert oldest.nonce is msgspec.UNSET


async def test_a_key_store_a_moment_behind_is_waited_for(
    platform: Platform, parties: Parties, move_clock: MoveClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = await parties.published()
    await parties.submit(made, parties.acme, "1", "1")
    await move_clock(HOUR)
    ask = opening.database_clock
    answers = [timedelta(milliseconds=50), timedelta(0)]

    async def lagging(at: Platform) -> DatabaseClock:
        clock, behind = await ask(at), answers.pop(0)
        return DatabaseClock(made.deadline_at - behind if behind else clock.at, clock.ahead)

    monkeypatch.setattr(opening, "database_clock", lagging)
    await open_at_deadline(platform, made.id)
    assert (await read_procedure(platform, parties.buyer, made.id)).status is Status.OPENED
