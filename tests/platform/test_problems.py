"""What a client is told of errors that no rule has seen."""

import msgspec
import pytest
from litestar import Request
from litestar.exceptions import HTTPException, WebSocketDisconnect
from litestar.testing import RequestFactory
from sqlalchemy.exc import DBAPIError
from structlog.testing import capture_logs
from uvicorn.protocols.utils import ClientDisconnected

from marketplace.platform.http.problems import Problem, handle_error, log_socket_error


def refused(state: str) -> DBAPIError:
    cause = Exception("a table, a column, a value")
    cause.sqlstate = state  # type: ignore[attr-defined]
    return DBAPIError("update", None, cause)


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (refused("40001"), 503),
        (refused("40P01"), 503),
        (TimeoutError(), 503),
        (refused("23505"), 500),
        (ValueError("a table, a column, a value"), 500),
    ],
)
def test_what_may_succeed_when_tried_again_is_a_503_and_our_faults_say_nothing_of_the_inside(
    error: Exception, status: int
) -> None:
    request: Request = RequestFactory().get("/v1/orders")
    answer = handle_error(request, error)
    problem = msgspec.json.decode(answer.content, type=Problem)
    assert problem.status == answer.status_code == status
    assert ("Retry-After" in answer.headers) == (status == 503)
    assert "table" not in problem.detail


@pytest.mark.parametrize(
    ("error", "logged"),
    [
        (RuntimeError("broken"), ["socket_failed"]),
        (HTTPException(status_code=500), ["socket_failed"]),
        (HTTPException(status_code=404), []),
        (ClientDisconnected(), []),
        (WebSocketDisconnect(detail="connection is disconnected"), []),
    ],
)
async def test_what_ends_a_live_channel_is_logged_unless_the_viewer_left_or_was_refused(
    error: Exception, logged: list[str]
) -> None:
    with capture_logs() as lines:
        await log_socket_error(error, {"type": "websocket", "path": "/"})  # type: ignore[typeddict-item]
    assert [line["event"] for line in lines] == logged
