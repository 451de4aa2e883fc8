"""What a client is told of errors that no rule has seen."""

import msgspec
import pytest
from litestar import Request
from litestar.testing import RequestFactory
from sqlalchemy.exc import DBAPIError

from marketplace.platform.http.problems import Problem, handle_error


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
