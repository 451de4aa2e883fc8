"""The published log of every format proves its result, and shows what was done to it."""

from collections import Counter
from functools import cache
from random import Random

import pytest
from msgspec.structs import replace

from auctions.engine.events import Admitted, ProxySet
from auctions.engine.log import LIMIT, LogEntry, entry_hash, published
from auctions.engine.outcome import outcome
from auctions.engine.terms import Format, Publication
from auctions.engine.verification import verify
from auctions.engine.visibility import OWNER, Viewer
from auctions.simulation import run
from auctions.simulation.house import House
from marketplace.kernel.canonical import GENESIS, canonical_bytes, chain_hash

FORMATS = list(Format)


@cache
def played(format_: Format, number: int = 0) -> House:
    """Give the `number`th made-up auction of a format, played to its end."""
    houses: list[House] = []

    def kept(chance: Random) -> House:
        houses.append(House(chance))
        return houses[-1]

    seed = 0
    while True:
        run.play(seed, Counter(), kept)
        seed += 1
        if houses[-1].terms.format is not format_ or len(houses[-1].log) < 8:
            houses.pop()
        elif len(houses) > number:
            return houses[number]


def copy_of(house: House, reader: Viewer) -> list[LogEntry]:
    entries, head = [], GENESIS
    for event in house.log:
        salt = event.seq.to_bytes(16, "big")
        head = entry_hash(head, event, salt)
        entries.append(published(event, salt, head, house.terms, reader))
    return entries


def chained_again(entries: list[LogEntry]) -> list[LogEntry]:
    head, result = GENESIS, []
    for entry in entries:
        head = chain_hash(head, canonical_bytes(entry.document))
        result.append(replace(entry, hash=head.hex()))
    return result


@pytest.mark.parametrize("format_", FORMATS)
@pytest.mark.parametrize("number", range(4))
def test_the_buyers_copy_gives_standing_and_winner_again(format_: Format, number: int) -> None:
    house = played(format_, number)
    found = verify(copy_of(house, OWNER))
    assert found.sound
    assert found.recomputed
    assert found.outcome == outcome(house.state)
    assert found.state is not None
    assert found.state.order == house.state.order


@pytest.mark.parametrize("format_", FORMATS)
def test_a_bidders_copy_proves_chain_and_clock(format_: Format) -> None:
    house = played(format_)
    found = verify(copy_of(house, house.invitations[0].bidder))
    assert found.sound
    assert found.sealed


def test_where_identities_are_published_a_bidder_recomputes_the_result_too() -> None:
    house = played(Format.VICKREY, 1)
    house.terms = replace(house.terms, publication=Publication.IDENTITIES)
    house.log[0] = replace(house.log[0], terms=house.terms)
    adjusted = any(isinstance(e, Admitted) and e.adjustment is not None for e in house.log)
    found = verify(copy_of(house, house.invitations[0].bidder))
    assert found.sound
    assert found.recomputed is not adjusted
    played.cache_clear()


@pytest.mark.parametrize("format_", FORMATS)
def test_every_change_deletion_and_reordering_is_found(format_: Format) -> None:
    entries = copy_of(played(format_), OWNER)
    for place in range(len(entries)):
        changed = list(entries)
        document = {**entries[place].document, "at": "2026-03-02T12:34:56.789012Z"}
        changed[place] = replace(entries[place], document=document)
        assert verify(changed).broken_link == place + 1
        assert not verify(entries[:place] + entries[place + 1 :], entries[-1].hash).sound
        if place:
            swapped = list(entries)
            swapped[place - 1], swapped[place] = swapped[place], swapped[place - 1]
            assert not verify(swapped).sound


@pytest.mark.parametrize("format_", FORMATS)
def test_an_entry_left_out_of_a_chain_made_anew_is_found_by_the_rules(format_: Format) -> None:
    """Somebody who can write the whole database drops an accepted bid and numbers all anew."""
    house = played(format_, 1)
    kinds = [type(event).__name__ for event in house.log]
    if "BidAccepted" not in kinds or format_ in {Format.SEALED, Format.VICKREY, Format.ENGLISH}:
        place = len(kinds) - 1
    else:
        place = kinds.index("StageOpened")
    entries = copy_of(house, OWNER)
    kept = entries[:place] + entries[place + 1 :]
    bent = [
        replace(entry, document={**entry.document, "seq": number})
        for number, entry in enumerate(kept, start=1)
    ]
    found = verify(chained_again(bent))
    if place == len(kinds) - 1:
        assert found.state is None or found.state.phase.value == "open"
    else:
        assert not found.sound


def test_no_copy_opens_a_rivals_proxy_and_the_buyers_still_recomputes() -> None:
    number = 0
    while not any(isinstance(event, ProxySet) for event in played(Format.ENGLISH, number).log):
        number += 1
    house = played(Format.ENGLISH, number)
    proxies = [event for event in house.log if isinstance(event, ProxySet)]
    for reader in (OWNER, *(i.bidder for i in house.invitations)):
        entries = copy_of(house, reader)
        opened = {e.document["seq"] for e in entries if LIMIT in e.openings}
        assert opened == {proxy.seq for proxy in proxies if proxy.bidder == reader}
    assert verify(copy_of(house, OWNER)).recomputed
