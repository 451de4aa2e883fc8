"""No company takes all the places of a live auction, and no process more than it can hold."""

from contextlib import ExitStack

import pytest

from auctions.crowd import Crowd
from marketplace.kernel.errors import TooManyRequests, Unavailable
from marketplace.kernel.ids import new_id
from marketplace.platform.core import Platform


@pytest.fixture
def crowd(platform: Platform, monkeypatch: pytest.MonkeyPatch) -> Crowd:
    monkeypatch.setattr("auctions.crowd.LIVE_VIEWERS_MAX", 5)
    monkeypatch.setattr("auctions.crowd.LIVE_VIEWERS_OF_COMPANY_MAX", 3)
    return platform.get(Crowd)


def test_one_company_has_so_many_places_and_others_still_come_in(crowd: Crowd) -> None:
    acme, bolt = new_id(), new_id()
    with ExitStack() as watching:
        for _ in range(3):
            watching.enter_context(crowd.joined(acme))
        with pytest.raises(TooManyRequests):
            watching.enter_context(crowd.joined(acme))
        watching.enter_context(crowd.joined(bolt))


def test_a_full_house_lets_nobody_in_until_somebody_left(crowd: Crowd) -> None:
    with ExitStack() as watching:
        for _ in range(4):
            watching.enter_context(crowd.joined(new_id()))
        with crowd.joined(new_id()), pytest.raises(Unavailable):
            watching.enter_context(crowd.joined(new_id()))
        watching.enter_context(crowd.joined(new_id()))
    assert not crowd._of_company
