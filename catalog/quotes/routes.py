"""HTTP of quotes."""

from typing import Final
from uuid import UUID

from litestar import Response, get, post

from catalog.quotes import answering, making, reading
from catalog.quotes.schemas import QuoteAnswerInput, QuoteInput, QuoteSummary, QuoteView
from marketplace.platform.caller import Caller
from marketplace.platform.core import Platform
from marketplace.platform.http.access import versioned
from marketplace.platform.http.given import FromPath, Given, JSONBody
from marketplace.platform.http.paging import Page, PageRequest, paged
from marketplace.platform.idempotency import IdempotencyKey

_TAGS: Final = ["quotes"]


@post(
    "/v1/quotes",
    operation_id="makeQuote",
    tags=_TAGS,
    summary="Offer a buyer prices for some of your SKUs, until a day.",
)
async def make_quote(
    data: JSONBody[QuoteInput],
    caller: Given[Caller],
    platform: Given[Platform],
    idempotency_key: Given[IdempotencyKey],
) -> Response[QuoteView]:
    """Make a quote. What is offered never changes: withdraw it and make another."""
    return versioned(await making.make_quote(platform, caller, data, idempotency_key))


@get(
    "/v1/quotes",
    operation_id="listQuotes",
    tags=_TAGS,
    summary="The quotes your company made or got, the newest first.",
)
async def list_quotes(
    caller: Given[Caller], platform: Given[Platform], page_request: Given[PageRequest]
) -> Response[Page[QuoteSummary]]:
    """List quotes, as supplier or as buyer."""
    return paged(page_request, await reading.list_quotes(platform, caller, page_request))


@get(
    "/v1/quotes/{quote_id:uuid}",
    operation_id="readQuote",
    tags=_TAGS,
    summary="A quote with its lines, and what is drawn of them.",
)
async def read_quote(
    quote_id: FromPath[UUID], caller: Given[Caller], platform: Given[Platform]
) -> Response[QuoteView]:
    """Read a quote, as supplier or as buyer."""
    return versioned(await reading.read_quote(platform, caller, quote_id))


@post(
    "/v1/quotes/{quote_id:uuid}/accept",
    operation_id="acceptQuote",
    tags=_TAGS,
    summary="Accept a quote: its prices come before all others, to its end.",
    status_code=200,
)
async def accept_quote(
    quote_id: FromPath[UUID], caller: Given[Caller], platform: Given[Platform], if_match: Given[int]
) -> Response[QuoteView]:
    """Accept a quote at the version you read; it becomes a contract."""
    return versioned(await answering.accept_quote(platform, caller, quote_id, if_match))


@post(
    "/v1/quotes/{quote_id:uuid}/decline",
    operation_id="declineQuote",
    tags=_TAGS,
    summary="Decline a quote.",
    status_code=200,
)
async def decline_quote(
    quote_id: FromPath[UUID],
    data: JSONBody[QuoteAnswerInput],
    caller: Given[Caller],
    platform: Given[Platform],
    if_match: Given[int],
) -> Response[QuoteView]:
    """Decline a quote at the version you read."""
    declined = await answering.decline_quote(platform, caller, quote_id, data.reason, if_match)
    return versioned(declined)


@post(
    "/v1/quotes/{quote_id:uuid}/withdraw",
    operation_id="withdrawQuote",
    tags=_TAGS,
    summary="Withdraw a quote that is not answered yet.",
    status_code=200,
)
async def withdraw_quote(
    quote_id: FromPath[UUID],
    data: JSONBody[QuoteAnswerInput],
    caller: Given[Caller],
    platform: Given[Platform],
    if_match: Given[int],
) -> Response[QuoteView]:
    """Withdraw a quote at the version you read; one that is accepted stays."""
    withdrawn = await answering.withdraw_quote(platform, caller, quote_id, data.reason, if_match)
    return versioned(withdrawn)


ROUTES: Final = (
    make_quote,
    list_quotes,
    read_quote,
    accept_quote,
    decline_quote,
    withdraw_quote,
)
