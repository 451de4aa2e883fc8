import asyncio
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import asyncpg
import pytest
from sqlalchemy import select

from auctions.bidding import find_bid, place_bid
from auctions.engine import replay as replay_module
from auctions.ledger import Ledger
from auctions.ledger.head import snapshot_bytes
from auctions.schemas import BidInput, BidView
from auctions.tables import LedgerRow, LotRow
from marketplace.app import assemble
from marketplace.kernel.errors import (
    IdempotencyKeyMissing,
    InvalidInput,
    KeyReused,
    MalformedRequest,
    NotFound,
    NotPermitted,
    TooManyRequests,
    WrongState,
)
from marketplace.platform.core import Platform
from marketplace.platform.database import Role, system_transaction, transaction
from marketplace.platform.http.schemas import MoneyInput
from marketplace.platform.settings import Settings
from tests.auctions.auction_hall import MINUTE, Hall, fresh, open_hall
from tests.conftest import MoveClock
from tests.support.world import Company, World


def bid_of(amount: str, currency: str = "EUR") -> BidInput:
    return BidInput(amount=MoneyInput(amount=amount, currency=currency))


async def bid(
    platform: Platform, hall: Hall, who: Company, amount: str, key: str | None = None
) -> BidView:
    return await place_bid(platform, who.caller, hall.auction_id, key or fresh(), bid_of(amount))


async def entries(platform: Platform, hall: Hall) -> list[Any]:
    async with system_transaction(platform, Role.ENGINE) as tx:
        return list(
            await tx.all(
                select(
                    LedgerRow.seq,
                    LedgerRow.kind,
                    LedgerRow.at,
                    LedgerRow.bidder_id,
                    LedgerRow.amount,
                    LedgerRow.code,
                )
                .where(LedgerRow.lot_id == hall.lot_id)
                .order_by(LedgerRow.seq)
            )
        )


@pytest.fixture
async def hall(platform: Platform, world: World) -> Hall:
    return await open_hall(platform, world)


async def test_an_acknowledged_bid_is_in_the_ledger(platform: Platform, hall: Hall) -> None:
    standing = await bid(platform, hall, hall.suppliers[0], "900.5")
    assert (standing.outcome, standing.amount.amount, standing.rank) == ("accepted", "900.50", 1)
    written = await entries(platform, hall)
    assert [row.kind for row in written] == [
        "scheduled",
        *["admitted"] * 3,
        "started",
        "bid_accepted",
    ]
    assert written[-1].amount == Decimal("900.50")
    assert written[-1].at == standing.decided_at


async def test_hundreds_of_bids_at_once_get_gapless_numbers(platform: Platform, hall: Hall) -> None:
    def bids(place: int) -> list[Any]:
        return [bid(platform, hall, hall.suppliers[place], f"{900 - n}.00") for n in range(100)]

    results = await asyncio.gather(
        *(one for place in range(3) for one in bids(place)), return_exceptions=True
    )
    assert {type(result) for result in results} <= {BidView, InvalidInput, TooManyRequests}
    written = await entries(platform, hall)
    assert [row.seq for row in written] == list(range(1, len(written) + 1))
    accepted = [row for row in written if row.kind == "bid_accepted"]
    assert len(accepted) == sum(isinstance(result, BidView) for result in results)
    assert [row.at for row in written] == sorted(row.at for row in written)


async def test_a_bid_sent_twice_counts_once_and_gets_the_same_answer(
    platform: Platform, hall: Hall
) -> None:
    first = await bid(platform, hall, hall.suppliers[0], "900.00", "K1")
    again = await bid(platform, hall, hall.suppliers[0], "900.00", "K1")
    assert again == first
    assert sum(row.kind == "bid_accepted" for row in await entries(platform, hall)) == 1


async def test_sixteen_twins_at_once_make_one_row(platform: Platform, hall: Hall) -> None:
    twins = await asyncio.gather(
        *(bid(platform, hall, hall.suppliers[0], "900.00", "K1") for _ in range(16))
    )
    assert twins == [twins[0]] * 16
    assert sum(row.kind == "bid_accepted" for row in await entries(platform, hall)) == 1


async def test_the_same_key_with_another_amount_is_refused(platform: Platform, hall: Hall) -> None:
    await bid(platform, hall, hall.suppliers[0], "900.00", "K1")
    with pytest.raises(KeyReused):
        await bid(platform, hall, hall.suppliers[0], "800.00", "K1")
    assert await bid(platform, hall, hall.suppliers[1], "800.00", "K1")


async def test_a_refused_bid_has_a_number_and_is_found_by_its_key(
    platform: Platform, hall: Hall
) -> None:
    supplier = hall.suppliers[0]
    await bid(platform, hall, supplier, "900.00")
    for _ in range(2):
        with pytest.raises(InvalidInput, match=r"899\.00 EUR") as refused:
            await bid(platform, hall, supplier, "899.50", "K2")
        assert refused.value.errors[0].code == "above_limit"
    found = await find_bid(platform, supplier.caller, hall.auction_id, "K2")
    assert found.outcome == "refused"
    assert found.refusal.code == "above_limit"  # type: ignore[union-attr]
    assert [row.code for row in await entries(platform, hall)].count("above_limit") == 1


async def test_no_statement_of_the_api_reads_a_hash_or_a_salt(
    platform: Platform, hall: Hall
) -> None:
    """From two chain heads a rival's price can be tried; row security shows a bidder his rows."""
    await bid(platform, hall, hall.suppliers[0], "900.00")
    for column in ("salt", "hash"):
        async with transaction(platform, hall.suppliers[0].caller) as tx:
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await (await tx.raw()).fetch(f"select {column} from auction_ledger")
            await (await tx.raw()).execute("rollback")


async def test_a_bid_is_found_by_its_key_by_nobody_else(platform: Platform, hall: Hall) -> None:
    mine = await bid(platform, hall, hall.suppliers[0], "900.00", "K1")
    assert await find_bid(platform, hall.suppliers[0].caller, hall.auction_id, "K1") == mine
    with pytest.raises(NotFound):
        await find_bid(platform, hall.suppliers[1].caller, hall.auction_id, "K1")


async def test_refused_bids_beyond_the_limit_have_no_row_and_good_ones_still_count(
    platform: Platform, hall: Hall
) -> None:
    supplier = hall.suppliers[0]
    for _ in range(30):
        with pytest.raises(InvalidInput):
            await bid(platform, hall, supplier, "1000.01")
    with pytest.raises(TooManyRequests) as limited:
        await bid(platform, hall, supplier, "1000.01")
    assert limited.value.retry_after_s == 60
    assert sum(row.kind == "bid_refused" for row in await entries(platform, hall)) == 30
    assert (await bid(platform, hall, supplier, "900.00")).outcome == "accepted"


@pytest.mark.parametrize(
    ("amount", "currency", "pointer"),
    [
        ("900.001", "EUR", "/amount/amount"),
        ("0", "EUR", "/amount/amount"),
        ("900", "USD", "/amount/currency"),
        ("900", "XXX", "/amount/currency"),
    ],
)
async def test_what_can_never_be_a_bid_has_no_row(
    platform: Platform, hall: Hall, amount: str, currency: str, pointer: str
) -> None:
    before = len(await entries(platform, hall))
    with pytest.raises(InvalidInput) as refused:
        await place_bid(
            platform,
            hall.suppliers[0].caller,
            hall.auction_id,
            fresh(),
            bid_of(amount, currency),
        )
    assert refused.value.errors[0].pointer == pointer
    assert len(await entries(platform, hall)) == before


async def test_a_bid_needs_its_key(platform: Platform, hall: Hall) -> None:
    caller = hall.suppliers[0].caller
    with pytest.raises(IdempotencyKeyMissing):
        await place_bid(platform, caller, hall.auction_id, None, bid_of("900"))
    with pytest.raises(MalformedRequest):
        await place_bid(platform, caller, hall.auction_id, "K" * 65, bid_of("900"))


async def test_outsiders_and_the_buyer_cannot_bid(
    platform: Platform, hall: Hall, world: World
) -> None:
    outsider = await world.supplier("Outsider")
    for who in (outsider, hall.buyer):
        with pytest.raises((NotFound, NotPermitted)):
            await bid(platform, hall, who, "900.00")
    with pytest.raises(NotFound):
        await bid(platform, hall, outsider, "900.00")


async def test_a_bid_before_the_start_is_refused(platform: Platform, world: World) -> None:
    hall = await open_hall(platform, world, starts_in=MINUTE)
    with pytest.raises(WrongState) as early:
        await bid(platform, hall, hall.suppliers[0], "900.00")
    assert early.value.state == "scheduled"


async def test_a_bid_at_the_close_is_late_and_closes_the_auction(
    platform: Platform, hall: Hall, move_clock: MoveClock
) -> None:
    await bid(platform, hall, hall.suppliers[0], "900.00")
    await move_clock(timedelta(minutes=10))
    late = await asyncio.gather(
        *(bid(platform, hall, who, "800.00") for who in hall.suppliers), return_exceptions=True
    )
    assert [getattr(error, "state", None) for error in late] == ["closed"] * 3
    written = await entries(platform, hall)
    assert [row.kind for row in written][-4:] == [*["bid_refused"] * 3, "closed"]
    with pytest.raises(WrongState):
        await bid(platform, hall, hall.suppliers[0], "700.00")
    assert len(await entries(platform, hall)) == len(written)


async def test_the_clock_is_read_after_the_lock_is_held(
    platform: Platform, hall: Hall, move_clock: MoveClock
) -> None:
    """A bid that waits for the lot beyond the close is late, whenever it was sent."""
    await bid(platform, hall, hall.suppliers[0], "900.00")
    async with system_transaction(platform, Role.ENGINE) as tx:
        await tx.one(select(LotRow.id).where(LotRow.id == hall.lot_id).with_for_update())
        waiting = asyncio.create_task(bid(platform, hall, hall.suppliers[0], "800.00"))
        await asyncio.sleep(0.1)
        await move_clock(timedelta(minutes=10))
    with pytest.raises(WrongState):
        await waiting


async def test_a_lot_written_by_another_process_is_caught_up(
    platform: Platform, hall: Hall, other_platform: Platform
) -> None:
    for round_ in range(3):
        first = await bid(platform, hall, hall.suppliers[0], f"{900 - 2 * round_}.00")
        second = await bid(other_platform, hall, hall.suppliers[1], f"{899 - 2 * round_}.00")
        assert (first.rank, second.rank) == (1, 1)


async def test_two_processes_bidding_at_once_keep_one_gapless_log(
    platform: Platform, hall: Hall, other_platform: Platform
) -> None:
    results = await asyncio.gather(
        *(
            bid(where, hall, hall.suppliers[place], f"{900 - n}.00")
            for n in range(60)
            for place, where in enumerate((platform, other_platform, platform))
        ),
        return_exceptions=True,
    )
    written = await entries(platform, hall)
    assert [row.seq for row in written] == list(range(1, len(written) + 1))
    accepted = sum(isinstance(result, BidView) for result in results)
    assert accepted == sum(row.kind == "bid_accepted" for row in written) > 3


async def test_bids_survive_the_loss_of_all_connections(
    platform: Platform, hall: Hall, settings: Settings
) -> None:
    """Connections are cut again and again while bids go in; each counts exactly once."""

    async def bids(place: int) -> list[BidView]:
        return [
            await bid(platform, hall, hall.suppliers[place], f"{900 - n}.00", f"{place}-{n}")
            for n in range(40)
        ]

    async def cut() -> int:
        connection = await asyncpg.connect(settings.database_url)
        try:
            return await connection.fetchval(_CUT)
        finally:
            await connection.close()

    bidding = asyncio.gather(*(bids(place) for place in range(3)))
    cuts = 0
    for pause in (0.03, 0.1, 0.2, 0.3):
        await asyncio.sleep(pause)
        cuts += await cut()
    assert cuts > 0
    answered = [view for views in await bidding for view in views]
    written = await entries(platform, hall)
    assert [row.seq for row in written] == list(range(1, len(written) + 1))
    assert len({view.id for view in answered}) == 120
    assert sum(row.kind == "bid_accepted" for row in written) == 120


_CUT = """
select count(pg_terminate_backend(pid)) from pg_stat_activity
where application_name = 'marketplace_engine' and datname = current_database()
"""


async def test_a_process_that_hangs_while_it_holds_a_lot_holds_up_nobody_for_long(
    platform: Platform, hall: Hall, other_platform: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("auctions.ledger.HELD_SECONDS_MAX", 1)
    hanging = platform.get(Ledger)
    goes_on = asyncio.Event()
    catch_up = hanging._catch_up

    async def stopped(*given: Any) -> Any:
        found = await catch_up(*given)
        await goes_on.wait()
        return found

    monkeypatch.setattr(hanging, "_catch_up", stopped)
    late = asyncio.create_task(bid(platform, hall, hall.suppliers[0], "900.00"))
    await asyncio.sleep(0.2)
    async with asyncio.timeout(30):
        assert (await bid(other_platform, hall, hall.suppliers[1], "800.00")).rank == 1
    goes_on.set()
    assert (await late).rank == 2


async def test_a_restored_ledger_is_believed_and_not_what_a_process_remembers(
    platform: Platform, hall: Hall, other_platform: Platform, settings: Settings
) -> None:
    await bid(platform, hall, hall.suppliers[0], "900.00")
    before = (await platform.get(Ledger).read(hall.lot_id)).state.seq
    await bid(platform, hall, hall.suppliers[0], "500.00")
    await _restore(settings, hall, before)
    for amount in ("700.00", "600.00"):
        await bid(other_platform, hall, hall.suppliers[1], amount)
    assert (await bid(platform, hall, hall.suppliers[0], "850.00")).rank == 2


async def _restore(settings: Settings, hall: Hall, seq: int) -> None:
    """Put a lot back to an earlier entry, as a backup of the database would."""
    owner = await asyncpg.connect(settings.owner_url)
    try:
        for table in ("auction_ledger", "auction_lots"):
            await owner.execute(f"alter table {table} no force row level security")
        await owner.execute(
            "delete from auction_ledger where lot_id = $1 and seq > $2", hall.lot_id, seq
        )
        await owner.execute(
            "update auction_lots l set seq = e.seq, hash = e.hash, decided_at = e.at"
            " from auction_ledger e where l.id = $1 and e.lot_id = l.id and e.seq = $2",
            hall.lot_id,
            seq,
        )
    finally:
        await owner.close()


async def test_the_lots_row_tells_the_head_of_the_ledger(platform: Platform, hall: Hall) -> None:
    await bid(platform, hall, hall.suppliers[0], "900.00")
    async with system_transaction(platform, Role.ENGINE) as tx:
        head = await tx.one(
            select(LotRow.seq, LotRow.hash, LotRow.phase).where(LotRow.id == hall.lot_id)
        )
        last = await tx.one(
            select(LedgerRow.hash).where(LedgerRow.lot_id == hall.lot_id, LedgerRow.seq == head.seq)
        )
    assert (head.phase, head.hash) == ("open", last.hash)


async def folded_entries(settings: Settings, hall: Hall) -> tuple[Any, int]:
    """Read a lot by a process that remembers nothing; give its head and the entries it folded."""
    stranger = assemble(settings).platform
    folded = 0
    evolve = replay_module.evolve

    def counting(state: Any, event: Any) -> Any:
        nonlocal folded
        folded += 1
        return evolve(state, event)

    try:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(replay_module, "evolve", counting)
            return await stranger.get(Ledger).read(hall.lot_id), folded
    finally:
        await stranger.close()


async def many_bids(platform: Platform, hall: Hall, first: int, last: int) -> None:
    """Bid euro by euro, in batches of ten."""
    for start in range(first, last, -10):
        await asyncio.gather(
            *(
                bid(platform, hall, hall.suppliers[0], f"{n}.00")
                for n in range(start, start - 10, -1)
            )
        )


async def test_a_process_that_knows_nothing_folds_what_follows_the_last_checkpoint(
    platform: Platform, hall: Hall, settings: Settings
) -> None:
    await many_bids(platform, hall, 990, 880)
    head, folded = await folded_entries(settings, hall)
    assert head == await platform.get(Ledger).read(hall.lot_id)
    assert head.state.seq == 115
    assert 0 < folded < 32


@pytest.mark.parametrize(
    "damage",
    [
        pytest.param("form = sha256('another release')", id="of another release"),
        pytest.param("state = '\\x9107'", id="unreadable"),
        pytest.param("state = (select state from other)", id="of another log"),
    ],
)
async def test_a_checkpoint_that_does_not_fit_the_log_is_not_believed(
    platform: Platform, hall: Hall, settings: Settings, damage: str
) -> None:
    await many_bids(platform, hall, 990, 930)
    owner = await asyncpg.connect(settings.owner_url)
    try:
        await owner.execute("alter table auction_checkpoints no force row level security")
        head = await platform.get(Ledger).read(hall.lot_id)
        other = snapshot_bytes(replace(head, hash=bytes(32)))
        await owner.execute("create temp table other (state bytea)")
        await owner.execute("insert into other values ($1)", other)
        assert await owner.execute(f"update auction_checkpoints set {damage}") == "UPDATE 1"
    finally:
        await owner.close()
    found, folded = await folded_entries(settings, hall)
    assert (found, folded) == (head, head.state.seq - 1)
