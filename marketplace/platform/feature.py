"""What a package adds to the product: one `Feature` value, exported by its `feature.py`."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from litestar.types import ControllerRouterHandler

from marketplace.platform.core import Platform
from marketplace.platform.database import Role, Transaction
from marketplace.platform.outbox import NumberedEvent


@dataclass(frozen=True, slots=True)
class Scope:
    """A right that keys can carry, and the roles whose members have it."""

    name: str
    title: str
    roles: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Job:
    """Long work in the worker: `run(platform, payload)`; it may be started again after a crash."""

    kind: str
    run: Callable[[Platform, Mapping[str, Any]], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Timer:
    """Work at an instant: `fire(platform, subject_id)`; harmless when fired twice or too early.

    A `punctual` one waits for no other work of the worker. It is given another platform than the
    worker's other work, and is short: others like it wait for its computing.
    """

    kind: str
    fire: Callable[[Platform, UUID], Awaitable[None]]
    punctual: bool = False


@dataclass(frozen=True, slots=True)
class Consumer:
    """A reader of events inside the product.

    `handle(platform, tx, event)` joins a transaction of `role`, in which the consumer's place moves
    on: what it writes there happens exactly once. It sees the events of `kinds` in order, but for
    those it failed at so often that they were parked: they come when somebody has them retried.
    """

    name: str
    kinds: frozenset[str]
    handle: Callable[[Platform, Transaction, NumberedEvent], Awaitable[None]]
    role: Role = Role.WORKER


Forget = Callable[[Platform], Awaitable[int]]
"""Deletes one batch of rows that are no longer kept, FORGET_BATCH_MAX at most; gives how many."""

Lifespan = Callable[[Platform], AbstractAsyncContextManager[None]]


@dataclass(frozen=True, slots=True)
class Feature:
    """One package's part of the product.

    `provides` maps a port (a Protocol of a lower package, or a stateful part) to what makes its
    implementation; `api_lifespans` and `worker_lifespans` run around the two kinds of process.
    """

    name: str
    routes: Sequence[ControllerRouterHandler] = ()
    scopes: Sequence[Scope] = ()
    jobs: Sequence[Job] = ()
    timers: Sequence[Timer] = ()
    consumers: Sequence[Consumer] = ()
    forgets: Sequence[Forget] = ()
    provides: Mapping[type, Callable[[Platform], object]] = field(default_factory=dict)
    commands: Mapping[str, str] = field(default_factory=dict)
    api_lifespans: Sequence[Lifespan] = ()
    worker_lifespans: Sequence[Lifespan] = ()
