from typing import Any

import pytest

from marketplace.kernel.errors import Conflict, NotFound, StaleVersion, WrongState
from marketplace.platform.core import Platform
from marketplace.worker import Worker
from rfq.evaluation.listing import list_bids
from rfq.key_store import KeyStore
from rfq.opening.service import open_at_deadline
from rfq.procedures.cancelling import cancel_procedure
from rfq.procedures.reading import read_procedure
from rfq.procedures.schemas import CancellationInput
from rfq.rules.procedure import Status
from tests.rfq.parties import HOUR, MoveClock, Parties
from tests.rfq.test_awards import decided, opened

REASON = CancellationInput(reason="The budget is gone.")


async def test_bids_of_a_cancelled_procedure_are_never_opened(
    platform: Platform, parties: Parties, owner: Any, move_clock: MoveClock
) -> None:
    made = await parties.published()
    await parties.submit(made, parties.acme, "3", "90")
    after = await cancel_procedure(platform, parties.buyer, made.id, REASON, made.version)
    assert after.status is Status.CANCELLED
    seen = await read_procedure(platform, parties.acme, made.id)
    assert seen.cancelled_because == REASON.reason
    with pytest.raises(WrongState):
        await parties.submit(made, parties.bolt, "3", "90")
    await move_clock(HOUR)
    await open_at_deadline(platform, made.id)
    assert await owner.fetchval("select count(*) from opened_bids") == 0
    with pytest.raises(NotFound):
        await platform.get(KeyStore).public_key(made.id)  # type: ignore[type-abstract]


async def test_a_key_that_outlived_its_procedure_is_destroyed_at_the_deadline(
    platform: Platform,
    parties: Parties,
    worker: Worker,
    move_clock: MoveClock,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The process died between the cancellation's commit and the key store."""
    made = await parties.published()
    store = platform.get(KeyStore)  # type: ignore[type-abstract]

    async def dies(_procedure_id: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setattr(store, "destroy", dies)
        await cancel_procedure(platform, parties.buyer, made.id, REASON, made.version)
    assert await store.public_key(made.id)
    await move_clock(HOUR)
    await worker.run_until_idle()
    with pytest.raises(NotFound):
        await store.public_key(made.id)


async def test_a_cancelled_procedure_shows_no_bids_and_awards_none(
    platform: Platform, parties: Parties, move_clock: MoveClock
) -> None:
    made = await opened(parties, move_clock)
    await cancel_procedure(platform, parties.buyer, made.id, REASON, made.version)
    with pytest.raises(WrongState):
        await list_bids(platform, parties.buyer, made.id)
    with pytest.raises(WrongState):
        await decided(parties, made)


async def test_a_procedure_with_an_award_cannot_be_cancelled(
    platform: Platform, parties: Parties, move_clock: MoveClock
) -> None:
    made = await opened(parties, move_clock, lots=2)
    await decided(parties, made)
    version = (await read_procedure(platform, parties.buyer, made.id)).version
    with pytest.raises(Conflict, match="awarded"):
        await cancel_procedure(platform, parties.buyer, made.id, REASON, version)


async def test_only_the_buyer_cancels_and_only_the_present_version(
    platform: Platform, parties: Parties
) -> None:
    made = await parties.published()
    with pytest.raises(StaleVersion):
        await cancel_procedure(platform, parties.buyer, made.id, REASON, made.version + 1)
    await cancel_procedure(platform, parties.buyer, made.id, REASON, made.version)
    with pytest.raises(WrongState):
        await cancel_procedure(platform, parties.buyer, made.id, REASON, made.version + 1)
