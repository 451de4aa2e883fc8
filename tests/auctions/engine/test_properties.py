"""What must hold in every auction, tried on made-up ones."""

from collections.abc import Callable
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, NamedTuple
from uuid import UUID

import msgspec
from hypothesis import event as reached
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from auctions.engine.decide import decide
from auctions.engine.events import (
    BidAccepted,
    BidRefused,
    Close,
    CloseExtended,
    PlaceBid,
    Rejection,
)
from auctions.engine.formats import FORMATS
from auctions.engine.replay import first_wrong_decision, replay
from auctions.engine.state import LotState, Phase
from auctions.engine.terms import (
    CountedFrom,
    Decrement,
    Disclosure,
    Format,
    Overtime,
    Reference,
    Step,
    Terms,
)
from auctions.engine.visibility import OWNER, Viewer, explain, view
from tests.auctions.engine.lots import BIDDERS, END, START, TEN, Lot, a_bid, percent, terms


class Try(NamedTuple):
    """One attempt to bid: by whom, how much (on a coarse grid), how long after the one before."""

    bidder: int
    steps: int
    seconds: int


tries = st.lists(
    st.builds(Try, st.integers(0, 3), st.integers(1, 40), st.integers(0, 90)), max_size=40
)
overtimes = st.none() | st.builds(
    Overtime,
    window_s=st.integers(1, 200),
    extension_s=st.integers(1, 300),
    lowest_rank=st.integers(1, 4),
    at_most=st.integers(1, 5),
    total_max_s=st.integers(1, 600),
    counted_from=st.sampled_from(CountedFrom),
)


@st.composite
def made_terms(draw: st.DrawFn) -> Terms:
    disclosure = draw(st.sampled_from([d for d in Disclosure if d is not Disclosure.OWN_ONLY]))
    reference = draw(st.sampled_from(Reference))
    if disclosure is Disclosure.RANK_ONLY:
        reference = Reference.OWN
    step: Step = draw(st.sampled_from([TEN, percent("0.5"), percent("3.3333")]))
    maximum: Step | None = draw(st.sampled_from([None, percent("60")]))
    return terms(
        disclosure=disclosure,
        decrement=Decrement(step, reference, maximum),
        overtime=draw(overtimes),
        starting_gate=draw(st.booleans()),
    )


openings = st.lists(
    st.none() | st.integers(20, 40).map(lambda n: f"{n * 25}.00"), min_size=4, max_size=4
)


def play(
    the_terms: Terms,
    script: list[Try],
    opened: list[str | None] | None = None,
    watch: Callable[[Lot], None] = lambda _lot: None,
) -> Lot:
    """Play a script to its close; `watch` looks after every step."""
    lot = Lot(the_terms, opened or [None] * 4).started()
    watch(lot)
    at = START + timedelta(seconds=300)
    for attempt in script:
        at += timedelta(seconds=attempt.seconds)
        lot.bid(BIDDERS[attempt.bidder], f"{attempt.steps * 25}.00", at)
        watch(lot)
    lot.submit(Close(), max(at, lot.state.closes_at))
    watch(lot)
    return lot


@given(made_terms(), tries, openings)
def test_replay_of_the_log_is_the_state(
    the_terms: Terms, script: list[Try], opened: list[str | None]
) -> None:
    lot = play(the_terms, script, opened)
    assert replay(lot.log) == lot.state
    assert first_wrong_decision(lot.log) is None
    assert [entry.seq for entry in lot.log] == list(range(1, len(lot.log) + 1))


@given(made_terms(), tries, openings)
def test_own_bids_strictly_fall(
    the_terms: Terms, script: list[Try], opened: list[str | None]
) -> None:
    lot = play(the_terms, script, opened)
    for bidder in BIDDERS:
        amounts = [
            entry.amount
            for entry in lot.log
            if getattr(entry, "bidder", None) == bidder
            and not isinstance(entry, BidRefused)
            and getattr(entry, "amount", None) is not None
        ]
        assert amounts == sorted(set(amounts), reverse=True)
        assert all(amount <= the_terms.ceiling for amount in amounts)


@given(made_terms(), tries, openings)
def test_the_leader_has_the_least_key_and_ranks_follow_the_keys(
    the_terms: Terms, script: list[Try], opened: list[str | None]
) -> None:
    def ranked(lot: Lot) -> None:
        state = lot.state
        assert list(state.order) == sorted(state.places.values(), key=lambda p: (p.score, p.seq))
        for rank, place in enumerate(state.order, start=1):
            shown = view(state, place.bidder)
            assert getattr(shown, "rank", None) == rank

    lot = play(the_terms, script, opened, ranked)
    for entry in lot.log:
        if isinstance(entry, BidAccepted):
            then = replay(lot.log[: entry.seq])
            assert then.order[entry.rank - 1].bid_id == entry.bid_id


@given(made_terms(), tries)
def test_nothing_is_accepted_at_or_after_the_close(the_terms: Terms, script: list[Try]) -> None:
    lot = play(the_terms, script)
    closes_at = the_terms.ends_at
    for entry in lot.log:
        if isinstance(entry, BidAccepted):
            assert entry.at < closes_at
        elif isinstance(entry, CloseExtended):
            reached("extended")
            assert closes_at < entry.closes_at <= the_terms.latest_close_at()
            closes_at = entry.closes_at
        elif isinstance(entry, BidRefused) and entry.at >= closes_at:
            reached("late")
    assert lot.state.extensions <= (the_terms.overtime.at_most if the_terms.overtime else 0)
    assert lot.state.phase is Phase.CLOSED


@given(made_terms(), tries)
def test_refused_bids_change_nothing_but_the_log(the_terms: Terms, script: list[Try]) -> None:
    before: list[LotState] = []

    def unchanged(lot: Lot) -> None:
        last = lot.log[-1]
        if before and isinstance(last, BidRefused):
            reached("refused")
            same = replace(lot.state, seq=before[-1].seq, at=before[-1].at)
            assert same == before[-1]
        before.append(lot.state)

    play(the_terms, script, watch=unchanged)


@given(made_terms(), tries, st.integers(0, 3))
def test_a_shown_limit_is_acceptable_and_a_cent_more_is_not(
    the_terms: Terms, script: list[Try], place: int
) -> None:
    lot = Lot(the_terms).started()
    for attempt in script:
        lot.bid(BIDDERS[attempt.bidder], f"{attempt.steps * 25}.00")
    bidder = BIDDERS[place]
    highest = FORMATS[the_terms.format].bounds(lot.state, bidder).highest
    if highest > 0:
        taken = decide(lot.state, a_bid(bidder, str(highest)), START)
        assert not isinstance(taken, Rejection)
    more = decide(lot.state, a_bid(bidder, str(highest + Decimal("0.01"))), START)
    assert isinstance(more, Rejection)


@given(st.permutations(range(4)), st.lists(st.integers(1, 4), min_size=4, max_size=4))
def test_arrival_order_decides_only_the_number(order: list[int], steps: list[int]) -> None:
    def result(arrival: list[int]) -> dict[UUID, Decimal]:
        lot = Lot().started()
        for place in arrival:
            lot.bid(BIDDERS[place], f"{steps[place] * 25}.00")
        standing = lot.state.places.values()
        assert list(lot.state.order) == sorted(standing, key=lambda p: (p.amount, p.seq))
        return {bidder: place.amount for bidder, place in lot.state.places.items()}

    assert result(order) == result(list(range(4)))


@given(made_terms(), tries, openings)
def test_a_viewers_number_rises_by_one_whenever_his_view_changes_and_else_never(
    the_terms: Terms, script: list[Try], opened: list[str | None]
) -> None:
    lot = play(the_terms, script, opened)
    first = 5
    for viewer in (*BIDDERS, OWNER):
        before = view(replay(lot.log[:first]), viewer)
        for entry in lot.log[first:]:
            after = view(replay(lot.log[: entry.seq]), viewer)
            changed = replace(after, number=0) != replace(before, number=0)
            assert after.number == before.number + changed
            before = after


class Trace:
    """Every byte a viewer gets while an auction runs, each change once."""

    def __init__(self, viewer: Viewer) -> None:
        self.viewer = viewer
        self.bytes: list[bytes] = []

    def __call__(self, lot: Lot) -> None:
        shown = msgspec.json.encode(view(lot.state, self.viewer))
        if not self.bytes or self.bytes[-1] != shown:
            self.bytes.append(shown)


def bid_and_note(lot: Lot, trace: Trace, bid: PlaceBid, at: datetime) -> None:
    result = lot.submit(bid, at)
    if bid.bidder == trace.viewer and isinstance(result, Rejection):
        trace.bytes.append(explain(result, "EUR").detail.encode())
    trace(lot)


@given(tries, st.lists(st.integers(0, 49), min_size=4, max_size=4), st.data())
@settings(max_examples=200)
def test_rivals_hidden_facts_change_no_byte_of_what_a_bidder_gets(
    script: list[Try], cents: list[int], data: st.DataObject
) -> None:
    viewer = BIDDERS[0]
    overtime = data.draw(overtimes)
    if overtime is not None:
        # Which rank extends is seen by all, so among rivals the order must stay as it is.
        cents = cents[:1] * 4
    spied, hidden = Trace(viewer), Trace(viewer)
    the_terms = terms(overtime=overtime)
    real, other = Lot(the_terms).started(), Lot(the_terms).started()
    at = START + timedelta(seconds=300)
    for number, attempt in enumerate(script):
        at += timedelta(seconds=attempt.seconds)
        bidder = BIDDERS[attempt.bidder]
        # The viewer's bids lie between the grid's points, so that no cent of a rival meets them.
        amount = Decimal(25 * attempt.steps) + (12 if bidder == viewer else 0)
        bid_and_note(real, spied, a_bid(bidder, str(amount), number), at)
        if bidder != viewer:
            amount -= Decimal(cents[attempt.bidder]).scaleb(-2)
            _refused_rivals(other, hidden, data.draw(st.integers(0, 2)), at)
        bid_and_note(other, hidden, a_bid(bidder, str(amount), number), at)
    assert spied.bytes == hidden.bytes


@given(
    st.sampled_from([Format.SEALED, Format.VICKREY]),
    tries,
    st.lists(st.integers(1, 999), min_size=40, max_size=40),
)
def test_whatever_rivals_bid_in_a_sealed_auction_a_bidder_and_the_buyer_see_the_same(
    format_: Format, script: list[Try], others: list[int]
) -> None:
    hidden = terms(format=format_, disclosure=Disclosure.OWN_ONLY, decrement=None)
    for viewer in (BIDDERS[0], OWNER):
        traces = Trace(viewer), Trace(viewer)
        lots = Lot(hidden).started(), Lot(hidden).started()
        for number, (attempt, other) in enumerate(zip(script, others, strict=False)):
            bidder = BIDDERS[attempt.bidder]
            for lot, trace, amount in zip(lots, traces, (25 * attempt.steps, other), strict=True):
                own = bidder == viewer
                bid = a_bid(bidder, str(25 * attempt.steps if own else amount), number)
                bid_and_note(lot, trace, bid, START)
        assert traces[0].bytes == traces[1].bytes


def _refused_rivals(lot: Lot, trace: Trace, count: int, at: datetime) -> None:
    """Let rivals bid what can only be refused: it lengthens the log and nothing else."""
    for number in range(count):
        bid_and_note(lot, trace, a_bid(BIDDERS[2], "5000.00", 100 + number), at)


def test_the_script_reaches_late_bids_extensions_and_refusals() -> None:
    late: list[Any] = []
    overtime = Overtime(window_s=200, extension_s=60, lowest_rank=4, at_most=2, total_max_s=600)
    script = [Try(0, 30, 200), Try(1, 30, 10), Try(0, 30, 10), Try(2, 20, 1000)]
    lot = play(terms(overtime=overtime), script)
    late += [entry for entry in lot.refusals() if entry.at >= END]
    assert late
    assert lot.state.extensions == 2
    assert len(lot.refusals()) == 2
