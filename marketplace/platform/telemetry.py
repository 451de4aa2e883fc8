"""Structured logs and metrics.

Logs are one JSON object a line on standard error, each with the request's id. Nothing secret is
ever logged: no header, no body, no amount of a bid.
"""

import logging
import re
import sys
from types import ModuleType
from typing import Final, cast

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, start_http_server

_NOT_LOADED: Final = "rich"
"""What structlog loads for its pretty consoles where it is installed: 5 MB and a twentieth of a
second of every process. Ours writes JSON; whoever prints to a terminal imports it himself."""
_spared = _NOT_LOADED not in sys.modules
if _spared:
    sys.modules[_NOT_LOADED] = cast("ModuleType", None)  # how Python says: there is none

import structlog  # noqa: E402
from structlog.typing import EventDict  # noqa: E402

if _spared:
    del sys.modules[_NOT_LOADED]

log: structlog.stdlib.BoundLogger = structlog.get_logger()

METRICS: Final = CollectorRegistry(auto_describe=True)
REQUESTS: Final = Counter(
    "http_requests", "Requests answered", ["method", "route", "status"], registry=METRICS
)
REQUEST_SECONDS: Final = Histogram(
    "http_request_duration_seconds",
    "From the first byte of the request to the last of the answer",
    ["route"],
    registry=METRICS,
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10),
)
EVENTS_NUMBERED: Final = Counter("events_numbered", "Events given a number", registry=METRICS)
EVENTS_PARKED: Final = Counter(
    "events_parked", "Events given up for a consumer", ["consumer"], registry=METRICS
)
JOBS_DONE: Final = Counter("jobs_done", "Jobs finished", ["kind", "outcome"], registry=METRICS)
TIMERS_FIRED: Final = Counter("timers_fired", "Timers handled", ["kind"], registry=METRICS)
TIMER_LATENESS_SECONDS: Final = Histogram(
    "timer_lateness_seconds", "How late a timer fired", registry=METRICS
)
LIVE_VIEWERS: Final = Gauge("live_viewers", "Open live channels", registry=METRICS)


def serve_metrics(host: str, port: int) -> int:
    """Serve the metrics of a process that serves nothing else, in a thread; give the port.

    Raises OSError where nobody may listen there.
    """
    server, _ = start_http_server(port, host, registry=METRICS)
    return server.server_port


_VALUES: Final = re.compile(
    r"(invalid input for query argument \$\d+: |DETAIL:  ?|Failing row contains )"
    r".*?(?=\nHINT:|\n\[SQL|\n\nThe above|\n\nDuring|\n\s*\||\Z)",
    re.DOTALL,
)


def without_values(text: str) -> str:
    """Give the text of an exception without the values that database errors repeat.

    They are offers, prices, people. Postgres tells the row it refuses, asyncpg the argument.
    """
    return _VALUES.sub(r"\1(withheld)", text)


def _without_values(_logger: object, _method: str, event: EventDict) -> EventDict:
    if "exception" in event:
        event["exception"] = without_values(event["exception"])
    return event


class _WithoutValues(logging.Formatter):
    """Formats what libraries log, without the values of database errors."""

    def format(self, record: logging.LogRecord) -> str:
        return without_values(super().format(record))


def log_processors() -> list[structlog.typing.Processor]:
    """Give what makes a line of an entry, in order."""
    return [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
        _without_values,
        structlog.processors.JSONRenderer(),
    ]


def configure_logging(level: str) -> None:
    """Set up structured logs for this process."""
    structlog.configure(
        processors=log_processors(),
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelName(level)),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_WithoutValues("%(message)s"))
    logging.basicConfig(level=logging.WARNING, handlers=[handler])
