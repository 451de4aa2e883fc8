from datetime import datetime, timedelta
from typing import Any

import pytest
from msgspec.structs import replace

from auctions.engine.terms import CountedFrom
from tests.auctions.engine.lots import (
    ACME,
    BOLT,
    CORE,
    END,
    MOMENT,
    OVERTIME,
    START,
    Lot,
    terms,
)

WINDOW = timedelta(seconds=60)


def seconds(count: int) -> timedelta:
    return timedelta(seconds=count)


def overtime_lot(**changes: Any) -> Lot:
    lot = Lot(terms(overtime=replace(OVERTIME, **changes))).started()
    lot.bid(ACME, "900.00")
    lot.bid(BOLT, "800.00")
    return lot


@pytest.mark.parametrize(
    ("at", "amount", "closes_at"),
    [
        (END - WINDOW - MOMENT, "700.00", END),
        (END - WINDOW, "700.00", END + seconds(120)),
        (END - MOMENT, "700.00", END + seconds(120)),
        (END - MOMENT, "850.00", END + seconds(120)),
        (END - MOMENT, "950.00", END),
        (END, "700.00", END),
    ],
    ids=["before the window", "at its begin", "last moment", "second rank", "third rank", "late"],
)
def test_a_late_bid_of_a_good_rank_extends(at: datetime, amount: str, closes_at: datetime) -> None:
    lot = overtime_lot()
    lot.bid(CORE, amount, at)
    assert lot.state.closes_at == closes_at


def test_a_refused_bid_does_not_extend() -> None:
    lot = overtime_lot()
    lot.bid(BOLT, "799.00", END - MOMENT)
    assert lot.state.closes_at == END


def test_counted_from_receipt_nobody_waits_longer_than_the_length() -> None:
    lot = overtime_lot(counted_from=CountedFrom.RECEIPT)
    at = END - seconds(50)
    lot.bid(CORE, "700.00", at)
    assert lot.state.closes_at == at + seconds(120)


def test_counted_from_receipt_the_close_never_moves_earlier() -> None:
    lot = overtime_lot(counted_from=CountedFrom.RECEIPT, extension_s=10)
    lot.bid(CORE, "700.00", END - seconds(50))
    assert lot.state.closes_at == END
    assert lot.state.extensions == 0


def test_extensions_end_after_their_number() -> None:
    lot = overtime_lot(at_most=1)
    lot.bid(CORE, "700.00", END - MOMENT)
    lot.bid(ACME, "600.00", lot.state.closes_at - MOMENT)
    assert (lot.state.closes_at, lot.state.extensions) == (END + seconds(120), 1)


def test_the_last_extension_is_cut_at_the_cap() -> None:
    lot = overtime_lot()
    for place, bidder in enumerate((ACME, BOLT, CORE, ACME)):
        lot.bid(bidder, f"{700 - 50 * place}.00", lot.state.closes_at - MOMENT)
    assert lot.state.closes_at == END + seconds(300)


def test_without_overtime_the_close_stands() -> None:
    lot = Lot().started()
    lot.bid(ACME, "900.00", END - MOMENT)
    assert lot.state.closes_at == END


def test_a_bid_of_the_first_minute_does_not_extend() -> None:
    lot = overtime_lot()
    assert (lot.state.closes_at, lot.state.extensions) == (END, 0)
    assert START < END - WINDOW
