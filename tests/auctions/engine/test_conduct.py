"""What conducting changes of what a bidder sees: his own part, and nothing hidden of rivals."""

from datetime import timedelta
from decimal import Decimal
from uuid import UUID

import msgspec
import pytest

from auctions.engine.events import (
    AllowSurrogate,
    Announce,
    Pause,
    RequestWithdrawal,
    Resume,
    RevokeSurrogate,
    SetProxy,
)
from auctions.engine.terms import Disclosure, Withdrawals
from auctions.engine.visibility import OWNER, view
from tests.auctions.engine.lots import ACME, BOLT, CORE, START, Lot, terms

LATER = START + timedelta(minutes=1)


def conducted(limit: str, disclosure: Disclosure, *, rivals_wish: bool) -> Lot:
    """Play the same for Acme; what Bolt and Core keep to themselves or tell the buyer differs."""
    rules = terms(
        disclosure=disclosure,
        proxies=True,
        surrogates=True,
        withdrawals=Withdrawals.ON_REQUEST,
    )
    lot = Lot(rules).started()
    lot.bid(CORE, "950.00")
    lot.bid(ACME, "900.00")
    proxy = SetProxy(
        bid_id=UUID(int=70), bidder=BOLT, client_bid_id="p", limit=Decimal(limit), step=None
    )
    lot.submit(proxy, START)
    if rivals_wish:
        lot.submit(RequestWithdrawal(CORE, "a slip"), START)
        lot.submit(AllowSurrogate(BOLT), START)
        lot.submit(AllowSurrogate(CORE), START)
        lot.submit(RevokeSurrogate(CORE), START)
    lot.submit(AllowSurrogate(ACME), LATER)
    lot.submit(Pause("a question"), LATER)
    lot.submit(Announce(UUID(int=80), "an answer"), LATER)
    lot.submit(Resume(), LATER)
    return lot


@pytest.mark.parametrize(
    "disclosure", [Disclosure.OPEN, Disclosure.BEST_PRICE, Disclosure.RANK_ONLY]
)
def test_rivals_limits_wishes_and_consents_change_no_byte_of_what_a_bidder_sees(
    disclosure: Disclosure,
) -> None:
    seen = {
        msgspec.json.encode(view(conducted(limit, disclosure, rivals_wish=wish).state, ACME))
        for limit in ("700.00", "512.34")
        for wish in (False, True)
    }
    assert len(seen) == 1
    assert b"an answer" in seen.pop()


def test_the_buyer_sees_wishes_and_consents_and_of_limits_what_they_bid() -> None:
    shown = [
        msgspec.json.encode(view(conducted(limit, Disclosure.OPEN, rivals_wish=True).state, OWNER))
        for limit in ("700.00", "512.34")
    ]
    assert shown[0] == shown[1]
    assert b"a slip" in shown[0]
    assert str(BOLT).encode() in shown[0]
