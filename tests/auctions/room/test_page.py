"""What the room's page is allowed to do, and the history it draws."""

from datetime import timedelta
from decimal import Decimal

import httpx
import pytest

from auctions.bidding import read_standing
from auctions.engine.terms import Disclosure
from auctions.room import history, service
from auctions.room.routes import content_policy
from marketplace.kernel.errors import NotFound
from marketplace.platform.core import Platform
from tests.auctions.auction_hall import Hall, open_hall
from tests.auctions.live.viewers import bid
from tests.conftest import MoveClock
from tests.support.world import Company, World


async def test_the_page_is_the_same_for_everybody_and_may_load_nothing_from_elsewhere(
    client: httpx.AsyncClient,
) -> None:
    first = await client.get("/auctions/019b8c4e-0000-7000-8000-000000000001/room")
    second = await client.get("/auctions/019b8c4e-0000-7000-8000-000000000002/room")
    assert first.status_code == 200
    assert first.content == second.content
    policy = first.headers["content-security-policy"]
    assert policy.startswith("default-src 'none'; script-src 'self'; style-src 'self';")
    assert "unsafe" not in policy
    assert "frame-ancestors 'none'" in policy
    assert first.headers["referrer-policy"] == "no-referrer"
    assert first.headers["x-content-type-options"] == "nosniff"
    assert "style=" not in first.text
    assert "http://" not in first.text
    for name in ("room.js", "channel.js", "lots.js", "plot.js", "rules.js", "room.css"):
        asset = await client.get(f"/auctions/assets/{name}")
        assert asset.status_code == 200
        assert asset.headers["content-type"].startswith(("text/javascript", "text/css"))
    assert (await client.get("/auctions/assets/routes.py")).status_code == 404
    assert (await client.get("/auctions/assets/%2e%2e%2froutes.py")).status_code == 404


def test_a_page_over_tls_speaks_to_its_own_server_alone() -> None:
    policy = content_policy("https://market.example")
    assert "connect-src 'self' wss://market.example;" in policy


async def amounts(platform: Platform, hall: Hall, who: Company) -> dict[str, list[str]]:
    found = await service.read_history(platform, who.caller, hall.auction_id)
    return {
        each.kind if each.kind != "standing" else "board": [
            f"{point.amount.amount:f}" for point in each.points
        ]
        for each in found
    }


@pytest.mark.parametrize(
    ("disclosure", "shown"),
    [
        (Disclosure.RANK_ONLY, {"own": ["900.00", "700.00"]}),
        (
            Disclosure.BEST_PRICE,
            {"own": ["900.00", "700.00"], "best": ["900.00", "800.00", "700.00"]},
        ),
    ],
)
async def test_a_bidders_history_is_what_he_was_shown_while_it_happened(
    platform: Platform, world: World, disclosure: Disclosure, shown: dict[str, list[str]]
) -> None:
    hall = await open_hall(platform, world, disclosure=disclosure)
    await bid(platform, hall, 1, "950.00")  # before he entered: behind his gate
    for place, amount in ((0, "900.00"), (1, "800.00"), (0, "700.00"), (1, "750.00")):
        await bid(platform, hall, place, amount)
    assert await amounts(platform, hall, hall.suppliers[0]) == shown
    assert await amounts(platform, hall, hall.suppliers[2]) == {}
    with pytest.raises(NotFound):
        await amounts(platform, hall, await world.supplier("Stranger"))


async def test_a_long_history_is_thinned_by_what_its_reader_saw(
    platform: Platform, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(history, "VIEWS_MAX", 5)
    hall = await open_hall(platform, world)
    for step in range(30):
        await bid(platform, hall, 0, str(Decimal("900.00") - step))
    own = (await amounts(platform, hall, hall.suppliers[0]))["own"]
    assert 3 <= len(own) <= 6
    assert own[-1] == "871.00"
    # Hidden bids of others behind him change nothing of it.
    for step in range(17):
        await bid(platform, hall, 1, str(Decimal("990.00") - step))
    assert (await amounts(platform, hall, hall.suppliers[0]))["own"] == own


async def test_the_histories_end_is_the_standing(
    platform: Platform, world: World, move_clock: MoveClock
) -> None:
    hall = await open_hall(platform, world, disclosure=Disclosure.OPEN)
    for place, amount in ((0, "900.00"), (1, "800.00"), (2, "750.00"), (0, "700.00")):
        await bid(platform, hall, place, amount)
        await move_clock(timedelta(seconds=1))
    for who in (hall.buyer, hall.suppliers[1]):
        shown = await read_standing(platform, who.caller, hall.auction_id)
        told = await service.read_history(platform, who.caller, hall.auction_id)
        last = {each.alias: each.points[-1].amount for each in told if each.kind == "standing"}
        assert last == {each.alias: each.amount for each in shown.standing.standings}  # type: ignore[union-attr]
