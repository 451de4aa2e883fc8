"""HTTP of contracts."""

from decimal import Decimal
from typing import Final
from uuid import UUID

from litestar import Response, get, post, put

from marketplace.contracts import commitments, frameworks, reading, signing
from marketplace.contracts.schemas import (
    CommitmentChange,
    ContractSummary,
    ContractView,
    FrameworkInput,
    FrameworkView,
)
from marketplace.platform.caller import Caller
from marketplace.platform.core import Platform
from marketplace.platform.http.access import versioned
from marketplace.platform.http.given import FromPath, Given, JSONBody
from marketplace.platform.http.paging import Page, PageRequest, paged
from marketplace.platform.idempotency import IdempotencyKey


@get(
    "/v1/contracts",
    operation_id="listContracts",
    tags=["contracts"],
    summary="The contracts your company is a party of, the newest first.",
)
async def list_contracts(
    caller: Given[Caller], platform: Given[Platform], page_request: Given[PageRequest]
) -> Response[Page[ContractSummary]]:
    """List contracts, as buyer or supplier."""
    return paged(page_request, await reading.list_contracts(platform, caller, page_request))


@get(
    "/v1/contracts/{contract_id:uuid}",
    operation_id="readContract",
    tags=["contracts"],
    summary="A contract with its prices and what they stem from.",
)
async def read_contract(
    contract_id: FromPath[UUID], caller: Given[Caller], platform: Given[Platform]
) -> Response[ContractView]:
    """Read a contract, as buyer or supplier."""
    return versioned(await reading.read_contract(platform, caller, contract_id))


@post(
    "/v1/contracts/{contract_id:uuid}/sign",
    operation_id="signContract",
    tags=["contracts"],
    summary="Sign a contract that waits for it; with both signatures its prices count.",
    status_code=200,
)
async def sign_contract(
    contract_id: FromPath[UUID],
    caller: Given[Caller],
    platform: Given[Platform],
    if_match: Given[int],
) -> Response[ContractView]:
    """Sign for your company, at the version of the contract you read."""
    return versioned(await signing.sign_contract(platform, caller, contract_id, if_match))


@put(
    "/v1/contracts/{contract_id:uuid}/prices/{contract_price_id:uuid}/commitment",
    operation_id="raiseCommitment",
    tags=["contracts"],
    summary="Let your customer draw more at a price of a contract; never less than agreed.",
)
async def raise_commitment(
    contract_id: FromPath[UUID],
    contract_price_id: FromPath[UUID],
    data: JSONBody[CommitmentChange],
    caller: Given[Caller],
    platform: Given[Platform],
    if_match: Given[int],
) -> Response[ContractView]:
    """Raise the cap of a commitment, at the version of the contract you read."""
    cap = Decimal(data.cap)
    return versioned(
        await commitments.raise_cap(platform, caller, contract_id, contract_price_id, cap, if_match)
    )


@post(
    "/v1/frameworks",
    operation_id="makeFramework",
    tags=["contracts"],
    summary="Make a framework agreement of contracts, under one ceiling.",
)
async def make_framework(
    data: JSONBody[FrameworkInput],
    caller: Given[Caller],
    platform: Given[Platform],
    idempotency_key: Given[IdempotencyKey],
) -> FrameworkView:
    """Make a framework."""
    return await frameworks.make_framework(platform, caller, data, idempotency_key)


@get(
    "/v1/frameworks",
    operation_id="listFrameworks",
    tags=["contracts"],
    summary="The framework agreements your company made or is a member of, the newest first.",
)
async def list_frameworks(
    caller: Given[Caller], platform: Given[Platform], page_request: Given[PageRequest]
) -> Response[Page[FrameworkView]]:
    """List frameworks."""
    return paged(page_request, await frameworks.list_frameworks(platform, caller, page_request))


@get(
    "/v1/frameworks/{framework_id:uuid}",
    operation_id="readFramework",
    tags=["contracts"],
    summary="A framework agreement: as its buyer whole, as a member your part.",
)
async def read_framework(
    framework_id: FromPath[UUID], caller: Given[Caller], platform: Given[Platform]
) -> FrameworkView:
    """Read a framework."""
    return await frameworks.read_framework(platform, caller, framework_id)


ROUTES: Final = (
    list_contracts,
    read_contract,
    sign_contract,
    raise_commitment,
    make_framework,
    list_frameworks,
    read_framework,
)
