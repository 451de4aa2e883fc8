"""Strict procedures over HTTP."""

from typing import Final
from uuid import UUID

from litestar import Response, post
from litestar.types import ControllerRouterHandler

from marketplace.kernel.limits import ENVELOPES_BODY_BYTES_MAX
from marketplace.platform.caller import Caller
from marketplace.platform.core import Platform
from marketplace.platform.http.access import versioned
from marketplace.platform.http.given import FromPath, Given, JSONBody
from marketplace.platform.idempotency import IdempotencyKey
from rfq.bids.schemas import ReceiptView
from rfq.procedures.schemas import BuyerProcedureView
from rfq.strict import service
from rfq.strict.schemas import EnvelopeInput, OpeningKeysInput

TAGS: Final = ["procedures"]


@post(
    "/v1/procedures/{procedure_id:uuid}/envelopes",
    operation_id="submitEnvelope",
    tags=TAGS,
    summary="Submit a bid that your own program sealed, or replace yours by it",
    request_max_body_size=ENVELOPES_BODY_BYTES_MAX,
)
async def submit_envelope(
    procedure_id: FromPath[UUID],
    data: JSONBody[EnvelopeInput],
    caller: Given[Caller],
    platform: Given[Platform],
    idempotency_key: Given[IdempotencyKey],
) -> Response[ReceiptView]:
    """Submit an envelope."""
    return versioned(
        await service.submit_envelope(platform, caller, procedure_id, data, idempotency_key)
    )


@post(
    "/v1/procedures/{procedure_id:uuid}/opening-keys",
    operation_id="showOpeningKeys",
    tags=TAGS,
    summary="Open the envelopes of a strict procedure with the buyer's or the auditor's key",
    status_code=200,
)
async def show_keys(
    procedure_id: FromPath[UUID],
    data: JSONBody[OpeningKeysInput],
    caller: Given[Caller],
    platform: Given[Platform],
) -> Response[BuyerProcedureView]:
    """Show keys."""
    return versioned(await service.show_keys(platform, caller, procedure_id, data))


ROUTES: Final[tuple[ControllerRouterHandler, ...]] = (submit_envelope, show_keys)
