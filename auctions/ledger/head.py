"""The head of a lot's log, and how it is written as bytes: for Redis, and to begin from."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

import msgspec

from auctions.engine.ranking import Place
from auctions.engine.scoring import Yardstick
from auctions.engine.state import Course, LotState, Phase, Witnessed
from auctions.engine.terms import Terms


@dataclass(frozen=True, slots=True)
class Head:
    """The end of a lot's log: the state after its last entry, and that entry's hash."""

    state: LotState
    epoch: int
    hash: bytes

    @property
    def position(self) -> tuple[int, int]:
        """Give (epoch, seq): of two heads of a lot the later one has the greater position."""
        return (self.epoch, self.state.seq)


class Snapshot(msgspec.Struct, frozen=True, array_like=True):
    """All a projection needs, in the shortest form."""

    epoch: int
    hash: bytes
    lot_id: UUID
    terms: Terms
    phase: Phase
    seq: int
    at: datetime
    closes_at: datetime
    extensions: int
    roster: dict[UUID, str]
    yardsticks: dict[UUID, Yardstick]
    order: tuple[Place, ...]
    witnessed: Witnessed
    course: Course
    cancelled_because: str | None


_encoder: Final = msgspec.msgpack.Encoder()
_decoder: Final = msgspec.msgpack.Decoder(Snapshot)


def snapshot_bytes(head: Head) -> bytes:
    """Write the head of a lot."""
    state = head.state
    return _encoder.encode(
        Snapshot(
            head.epoch,
            head.hash,
            state.lot_id,
            state.terms,
            state.phase,
            state.seq,
            state.at,
            state.closes_at,
            state.extensions,
            dict(state.roster),
            dict(state.yardsticks),
            state.order,
            state.witnessed,
            state.course,
            state.cancelled_because,
        )
    )


def head_of(snapshot: bytes) -> Head | None:
    """Read a head back; None if it has another form, such as that of another release."""
    try:
        read = _decoder.decode(snapshot)
    except msgspec.MsgspecError:
        return None
    state = LotState(
        lot_id=read.lot_id,
        terms=read.terms,
        phase=read.phase,
        seq=read.seq,
        at=read.at,
        closes_at=read.closes_at,
        extensions=read.extensions,
        roster=read.roster,
        yardsticks=read.yardsticks,
        places={place.bidder: place for place in read.order},
        order=read.order,
        witnessed=read.witnessed,
        course=read.course,
        cancelled_because=read.cancelled_because,
    )
    return Head(state, read.epoch, read.hash)
