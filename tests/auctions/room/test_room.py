"""The room in a real browser: as bidder, as buyer, as somebody who may only look."""

import asyncio
import re
from contextlib import suppress
from datetime import timedelta
from decimal import Decimal

import pytest
from playwright.async_api import expect

from auctions.engine.events import Announce, Close, Pause, Resume, Start
from auctions.engine.terms import Disclosure, Format, PriceClock
from auctions.intake import Intake
from auctions.live.hub import Hub
from marketplace.kernel.errors import MarketplaceError, Unavailable
from marketplace.kernel.ids import new_id
from marketplace.platform.core import Platform
from tests.auctions.auction_hall import open_hall
from tests.auctions.live.viewers import bid
from tests.auctions.room.visitors import PHONE, Visitors, sign_in
from tests.conftest import MoveClock
from tests.support.world import World


async def test_a_bidder_bids_from_his_phone_and_is_told_what_becomes_of_it(
    platform: Platform, world: World, visitors: Visitors, move_clock: MoveClock
) -> None:
    hall = await open_hall(platform, world)
    acme = hall.suppliers[0]
    await bid(platform, hall, 2, "950.00")
    page = await visitors.at_door(hall.auction_id, PHONE)
    await sign_in(page, await world.supplier("Stranger"))
    await expect(page.locator("#sign-in-error")).to_have_text("There is no such auction.")
    await sign_in(page, acme)
    await expect(page.locator("#connection")).to_have_text("Live")
    await expect(page.locator("#limit")).to_have_text("At most 1000.00 EUR.")
    await page.get_by_text("Rules").click()
    await expect(page.locator("#rules")).to_contain_text("No bid above 1000.00 EUR.")
    await expect(page.locator("#rules")).to_contain_text(
        "at least 1.00 EUR below your own last bid"
    )
    await expect(page.get_by_role("timer")).to_have_text(re.compile(r"^(10:00|9:\d\d)$"))

    amount, button = page.get_by_label("Your price for the lot"), page.get_by_role("button")
    await amount.fill("1,234.50")
    await button.get_by_text("Bid").click()
    await expect(page.locator("#bid-error")).to_contain_text("Write the amount with digits")
    await amount.fill("1000.01")
    await button.get_by_text("Bid").click()
    await expect(page.locator("#bid-error")).to_have_text(
        "The bid is too high: at most 1000.00 EUR is acceptable from you now."
    )
    await amount.fill("900,5")
    await amount.press("Enter")
    await expect(page.locator("#bid-result")).to_contain_text("900.50 EUR stands since")
    await expect(page.locator("#bid-error")).to_be_hidden()
    await expect(page.locator("#rank")).to_have_text("1")
    await expect(page.locator("#limit")).to_have_text("At most 899.50 EUR.")

    await bid(platform, hall, 1, "800.00")
    await expect(page.locator("#rank")).to_have_text("2")
    await expect(page.get_by_role("log")).to_contain_text("Your rank is 2; it was 1.")
    assert not re.search("800|950", await page.locator("main").inner_text())
    assert await page.locator("#plot path.own").count() == 1
    await expect(page.locator("#plot-summary")).to_contain_text("the lowest is 900.50 EUR (You)")
    wide = await page.evaluate("document.documentElement.scrollWidth")
    assert wide <= PHONE["width"], "the page is read without scrolling sideways"

    await move_clock(timedelta(hours=1))
    await platform.get(Intake).submit(hall.lot_id, Close())
    await expect(page.locator("#time")).to_have_text("Closed")
    await expect(page.get_by_label("Your price for the lot")).to_be_hidden()


async def test_a_buyer_sees_the_board_and_who_may_only_look_gets_no_bid_box(
    platform: Platform, world: World, visitors: Visitors
) -> None:
    hall = await open_hall(platform, world, disclosure=Disclosure.OPEN)
    await bid(platform, hall, 0, "900.00")
    watcher = await world.member(hall.suppliers[0], "viewer")
    buyer, onlooker = await asyncio.gather(
        visitors.enter(hall.auction_id, hall.buyer),
        visitors.enter(hall.auction_id, watcher),
    )
    await expect(buyer.locator("#board-caption")).to_have_text("1 bidders of 3 invited")
    await expect(buyer.locator("#own")).to_be_hidden()
    await expect(onlooker.locator("#rank")).to_have_text("1")
    await expect(onlooker.locator("#no-bidding")).to_have_text(
        "You may watch; your role does not bid."
    )
    await expect(onlooker.get_by_label("Your price for the lot")).to_be_hidden()

    await bid(platform, hall, 1, "800.00")
    for page, rivals in ((buyer, 2), (onlooker, 1)):
        await expect(page.locator("#board-rows tr")).to_have_count(2)
        await expect(page.locator("#board-rows tr").first).to_contain_text("800.00 EUR")
        # What was before the page was opened is drawn as well.
        await expect(page.locator("#plot path.standing")).to_have_count(rivals)
        await expect(page.locator("#plot-summary")).to_contain_text("the lowest is 800.00 EUR")
    await expect(onlooker.locator("tr.mine")).to_contain_text("(you)")
    await expect(buyer.get_by_role("log")).to_contain_text("bids 800.00 EUR.")
    await buyer.get_by_role("button", name="Sign out").click()
    await expect(buyer.get_by_label("Your API key")).to_be_visible()
    await buyer.reload()
    await expect(buyer.get_by_label("Your API key")).to_be_visible()


async def test_who_is_in_an_auction_of_several_lots_sees_all_and_bids_on_the_one_he_chose(
    platform: Platform, world: World, visitors: Visitors
) -> None:
    hall = await open_hall(platform, world, lots=({}, {"ceiling": Decimal("500.00")}))
    for lot, amount in enumerate(("950.00", "480.00")):
        await bid(platform, hall, 1, amount, lot)
    page = await visitors.enter(hall.auction_id, hall.suppliers[0], PHONE)
    first, second = page.locator("#lot-list button").first, page.locator("#lot-list button").last
    await expect(first).to_have_attribute("aria-current", "true")
    await expect(second.locator(".lot-title")).to_have_text("Lot 2")
    await expect(second.locator(".lot-clock")).to_have_text(re.compile(r"^(10:00|9:\d\d)$"))
    await expect(page.locator("#limit")).to_have_text("At most 1000.00 EUR.")
    amount = page.get_by_label("Your price for the lot")
    await amount.fill("900.00")

    await second.click()
    await expect(page.locator("#limit")).to_have_text("At most 500.00 EUR.")
    await expect(amount).to_have_value("")  # what was written for another lot is not sent for this
    await amount.fill("450.00")
    await amount.press("Enter")
    await expect(page.locator("#bid-result")).to_contain_text("450.00 EUR stands since")
    await expect(second.locator(".lot-place")).to_have_text("Rank 1")
    await expect(first.locator(".lot-place")).to_have_text("No bid yet")

    await bid(platform, hall, 0, "800.00", lot=0)
    await expect(first.locator(".lot-place")).to_have_text("Rank 1")
    await bid(platform, hall, 2, "700.00", lot=0)
    await expect(first.locator(".lot-place")).to_have_text("Rank 2")
    await expect(page.get_by_role("log")).to_contain_text("Copper cable: Your rank is 2; it was 1.")
    await expect(page.locator("#rank")).to_have_text("1")
    await page.reload()
    await expect(page.locator("#limit")).to_have_text("At most 449.00 EUR.")
    await first.click()
    await expect(page.locator("#amount")).to_have_text("800.00 EUR")
    await expect(page.locator("#plot path.own")).to_have_count(1)
    wide = await page.evaluate("document.documentElement.scrollWidth")
    assert wide <= PHONE["width"], "the page is read without scrolling sideways"


async def test_the_room_goes_on_while_the_live_channel_is_cut_and_says_so(
    platform: Platform, world: World, visitors: Visitors, monkeypatch: pytest.MonkeyPatch
) -> None:
    hall = await open_hall(platform, world)
    await bid(platform, hall, 0, "900.00")
    page = await visitors.enter(hall.auction_id, hall.suppliers[0])
    connection = page.locator("#connection")

    def full(*_given: object) -> None:
        raise Unavailable("Nobody more.", retry_after_s=1)

    with monkeypatch.context() as cut:
        cut.setattr("auctions.crowd.Crowd.joined", full)
        for house in platform.get(Hub)._houses.values():
            for row in house.rows.values():
                for seat in row.seats:
                    seat.end()
        await expect(connection).to_have_text("The live channel is cut: asking every second")
        await bid(platform, hall, 1, "800.00")
        await expect(page.locator("#rank")).to_have_text("2")
        await page.get_by_label("Your price for the lot").fill("700")
        await page.get_by_role("button", name="Bid").click()
        await expect(page.locator("#rank")).to_have_text("1")
    await expect(connection).to_have_text("Live")
    await bid(platform, hall, 1, "600.00")
    await expect(page.locator("#rank")).to_have_text("2")


async def test_in_a_dutch_auction_the_called_price_is_taken_by_one_click(
    platform: Platform, world: World, visitors: Visitors
) -> None:
    clock = PriceClock(Decimal("500.00"), Decimal("900.00"), Decimal("10.00"), 60)
    hall = await open_hall(
        platform,
        world,
        format=Format.DUTCH,
        disclosure=Disclosure.OWN_ONLY,
        decrement=None,
        clock=clock,
    )
    with suppress(MarketplaceError):
        await platform.get(Intake).submit(hall.lot_id, Start())  # the start itself is a worker's
    page = await visitors.enter(hall.auction_id, hall.suppliers[0])
    await expect(page.locator("#closes")).to_contain_text("The price called is 500.00 EUR.")
    await expect(page.get_by_label("Your price for the lot")).to_have_value("500.00")
    await page.get_by_role("button", name="Take it").click()
    await expect(page.locator("#time")).to_have_text("Closed")
    await expect(page.locator("#amount")).to_have_text("500.00 EUR")


async def test_a_bidder_lets_the_auction_bid_for_him_and_everybody_is_told_of_a_pause_and_why(
    platform: Platform, world: World, visitors: Visitors
) -> None:
    hall = await open_hall(platform, world, proxies=True, disclosure=Disclosure.BEST_PRICE)
    intake = platform.get(Intake)
    await intake.submit(hall.lot_id, Announce(new_id(), "Welcome."))
    acme, buyer = await asyncio.gather(
        visitors.enter(hall.auction_id, hall.suppliers[0]),
        visitors.enter(hall.auction_id, hall.buyer),
    )
    limit = acme.get_by_label("Let the auction bid for you down to")
    await limit.fill("1200")
    await acme.get_by_role("button", name="Bid for me").click()
    await expect(acme.locator("#proxy-error")).to_contain_text("at most 1000.00 EUR")
    await limit.fill("700")
    await acme.get_by_role("button", name="Bid for me").click()
    await expect(acme.locator("#proxy")).to_have_text("700.00 EUR")
    await bid(platform, hall, 1, "900.00")
    await expect(acme.locator("#amount")).to_have_text("899.00 EUR")
    await expect(acme.locator("#rank")).to_have_text("1")
    await expect(buyer.locator("#board-rows tr").first).to_contain_text("899.00 EUR")
    assert "700.00" not in await buyer.locator("main").inner_text()

    await intake.submit(hall.lot_id, Pause("A drawing is wrong."))
    await intake.submit(hall.lot_id, Announce(new_id(), "Drawing 4 is replaced."))
    for page in (acme, buyer):
        await expect(page.locator("#time")).to_have_text("Paused")
        await expect(page.locator("#phase")).to_have_text("Paused: A drawing is wrong.")
        messages = page.get_by_role("log")
        for words in ("Welcome.", "Drawing 4 is replaced."):
            await expect(messages.get_by_text(f"The buyer: {words}")).to_have_count(1)
    await expect(acme.get_by_role("button", name="Bid", exact=True)).to_be_disabled()
    await expect(limit).to_be_hidden()
    await intake.submit(hall.lot_id, Resume())
    await expect(acme.locator("#phase")).to_have_text("Open")
    await acme.get_by_role("button", name="Take it back").click()
    await expect(acme.locator("#proxy-row")).to_be_hidden()
    await bid(platform, hall, 1, "800.00")
    await expect(acme.locator("#rank")).to_have_text("2")
    assert visitors.complaints == []
