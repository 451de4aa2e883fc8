"""Reports of sourcing: figures that can be reckoned by hand, of the own company alone."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import httpx
import pytest
from msgspec import structs
from sqlalchemy import select

from marketplace.kernel.errors import InvalidInput, NotFound, NotPermitted
from marketplace.kernel.ids import new_id
from marketplace.platform.caller import Caller
from marketplace.platform.core import Platform
from marketplace.platform.database import transaction
from marketplace.platform.plots import draw
from rfq.bids.service import withdraw_bid
from rfq.comparison.estimates import put_estimates
from rfq.comparison.schemas import EstimatesInput, LotEstimateInput
from rfq.opening.service import open_procedure
from rfq.procedures.reading import read_procedure
from rfq.reports.figures import ReportFigure, plot_of
from rfq.reports.rules import DEFINITIONS, Against, Compared, CyclePhase, in_days, period_of, rate
from rfq.reports.schemas import SourcingReportView
from rfq.reports.service import read_report
from rfq.reports.tables import ReaderRow
from tests.rfq.awards.tender import proposed
from tests.rfq.parties import BUYER_SCOPES, HOUR, MoveClock, Parties, caller
from tests.support.world import World

TODAY = date(2026, 3, 31)


def test_a_saving_is_of_the_reference_and_sums_are_weighted_by_it() -> None:
    dear = Compared(1, Decimal(900), Decimal(450))
    cheap = Compared(1, Decimal(100), Decimal(100))
    together = (dear + cheap).saved()
    assert together is not None
    assert together.share == Decimal("0.4500")


def test_rates_and_days_of_none_are_none() -> None:
    assert rate(1, 3) == Decimal("0.3333")
    assert rate(0, 0) is None
    assert in_days(129_600) == Decimal("1.50")
    assert in_days(None) is None


def test_a_period_is_a_year_at_most_three_and_in_a_zone() -> None:
    year = period_of(None, None, "UTC", TODAY)
    assert (year.first, year.last) == (date(2025, 4, 1), TODAY)
    begin, end = period_of(TODAY, TODAY, "Europe/Berlin", TODAY).instants()
    assert (end - begin, begin) == (timedelta(days=1), datetime(2026, 3, 30, 22, tzinfo=UTC))
    for first, last, zone, pointer in (
        (TODAY, date(2026, 3, 1), "UTC", "?last_day"),
        (date(2020, 1, 1), TODAY, "UTC", "?first_day"),
        (None, None, "Mars", "?time_zone"),
    ):
        with pytest.raises(InvalidInput) as refused:
            period_of(first, last, zone, TODAY)
        assert refused.value.errors[0].pointer == pointer


def test_every_figure_of_a_report_is_defined() -> None:
    assert {*Against, *CyclePhase} <= set(DEFINITIONS)


async def played(platform: Platform, parties: Parties, move_clock: MoveClock) -> SourcingReportView:
    """Lot 1 goes to Bolt for 575.00; estimate 500.00, last price 625.00. Coil withdrew."""
    made = await parties.published(await parties.terms(lots=2))
    data = EstimatesInput(
        lots=[LotEstimateInput(lot_id=made.lots[0].id, estimate="500", baseline="625")]
    )
    await put_estimates(platform, parties.buyer, made.id, data, 0)
    for who in (parties.acme, parties.coil, parties.acme):
        await read_procedure(platform, who, made.id)
    await parties.submit(made, parties.acme, *("3.10", "90") * 2)
    await parties.submit(made, parties.bolt, *("2.90", "95") * 2)
    coil = await parties.submit(made, parties.coil, *("3.50", "80") * 2)
    await withdraw_bid(platform, parties.coil, made.id, coil.bid_id, coil.version)
    async with transaction(platform, parties.buyer) as tx:
        assert await tx.all(select(ReaderRow.supplier_id)) == []  # it would tell who bids
    await move_clock(HOUR)
    opened = await open_procedure(platform, parties.buyer, made.id)
    await proposed(parties, opened)
    await proposed(parties, opened, lot=1)
    return await report(platform, parties.buyer)


async def report(platform: Platform, who: Caller) -> SourcingReportView:
    return await read_report(platform, who, None, None, "UTC", None)


async def test_savings_participation_and_times_come_out_as_reckoned_by_hand(
    platform: Platform, parties: Parties, move_clock: MoveClock
) -> None:
    found = await played(platform, parties, move_clock)
    euros = found.savings[0]
    assert (euros.currency, euros.lots, euros.partly_awarded) == ("EUR", 2, 0)
    assert euros.price == "1150.00"
    saved = {each.against: (each.lots, each.saved, each.share) for each in euros.savings}
    assert saved == {
        Against.BASELINE: (1, "50.00", "0.08"),
        Against.ESTIMATE: (1, "-75.00", "-0.15"),
        Against.FIRST_OFFER: (2, "0.00", "0"),
    }
    month = found.participation.months[0]
    assert (month.procedures, month.invited, month.looked, month.submitted) == (1, 3, 2, 2)
    assert (month.withdrawn, month.invalid, month.response) == (1, 0, "0.6667")
    by_name = {
        each.supplier: (each.invited, each.looked, each.submitted, each.lots_won, each.response)
        for each in found.participation.suppliers
    }
    assert by_name == {
        "Acme": (1, 1, 1, 0, "1"),
        "Bolt": (1, 0, 1, 2, "1"),
        "Coil": (1, 1, 0, 0, "0"),
    }
    times = {each.phase: (each.procedures, each.median) for each in found.cycle_times}
    assert times[CyclePhase.RECEIVING] == (1, "0.04")
    assert times[CyclePhase.TOTAL][1] == "0.04"


async def test_a_report_is_of_the_own_company_and_of_a_unit_of_it(
    platform: Platform, parties: Parties, move_clock: MoveClock
) -> None:
    await played(platform, parties, move_clock)
    for who in (caller(BUYER_SCOPES), structs.replace(parties.acme, scopes=BUYER_SCOPES)):
        found = await report(platform, who)
        assert (found.savings, found.participation.procedures) == ([], 0)
        assert found.participation.suppliers == []
        assert {each.procedures for each in found.cycle_times} == {0}
    with pytest.raises(NotPermitted):
        await report(platform, parties.acme)
    whole = parties.buyer.organization_id
    of_root = await read_report(platform, parties.buyer, None, None, "UTC", whole)
    assert of_root.savings[0].lots == 2
    for unit in (new_id(), parties.acme.organization_id):
        with pytest.raises(NotFound):
            await read_report(platform, parties.buyer, None, None, "UTC", unit)
    before = await read_report(
        platform, parties.buyer, date(2020, 1, 1), date(2020, 2, 1), "UTC", None
    )
    assert before.savings == []


async def test_page_and_plots_over_http(client: httpx.AsyncClient, world: World) -> None:
    buyer = await world.buyer()
    shown = await client.get("/v1/reports/sourcing/printout", headers=buyer.headers)
    assert shown.status_code == 200, shown.text
    assert "No lot was awarded." in shown.text
    assert "Of the invitations, the part to which a bid came." in shown.text
    plot = await client.get("/v1/reports/sourcing/plot", headers=buyer.headers)
    assert plot.status_code == 200, plot.text
    assert plot.headers["Content-Type"].startswith("image/svg+xml")
    printed = await client.get("/v1/reports/sourcing/printout?format=pdf", headers=buyer.headers)
    assert printed.status_code == 200, printed.text
    assert printed.content.startswith(b"%PDF")
    long = await client.get("/v1/reports/sourcing?first_day=1999-01-01", headers=buyer.headers)
    assert long.status_code == 422


async def test_every_plot_of_a_report_can_be_drawn(
    platform: Platform, parties: Parties, move_clock: MoveClock
) -> None:
    found = await played(platform, parties, move_clock)
    for figure in ReportFigure:
        assert b"</svg>" in draw(plot_of(found, figure))
