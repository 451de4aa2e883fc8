"""Organizations over HTTP."""

from typing import Final
from uuid import UUID

from litestar import Response, delete, get, patch, post
from litestar.datastructures import Cookie

from marketplace.kernel.limits import SESSION_MINUTES
from marketplace.organizations import keys, members, service
from marketplace.organizations.schemas import (
    ApiKeyInput,
    ApiKeyView,
    DirectoryView,
    MemberChange,
    MemberInput,
    MemberView,
    MeView,
    NewApiKeyView,
    OrganizationChange,
    OrganizationInput,
    OrganizationView,
    RegisteredView,
    SessionView,
    UnitInput,
)
from marketplace.platform.caller import Caller
from marketplace.platform.core import Platform
from marketplace.platform.http.access import SESSION_COOKIE, versioned
from marketplace.platform.http.given import FromPath, Given, JSONBody
from marketplace.platform.http.paging import Page, PageRequest, paged
from marketplace.platform.idempotency import IdempotencyKey

_ORGANIZATIONS: Final = ["organizations"]
_ACCESS: Final = ["access"]


@post(
    "/v1/organizations",
    operation_id="registerOrganization",
    tags=_ORGANIZATIONS,
    summary="Register a company (operator)",
)
async def register_organization(
    data: JSONBody[OrganizationInput],
    caller: Given[Caller],
    platform: Given[Platform],
    idempotency_key: Given[IdempotencyKey],
) -> Response[RegisteredView]:
    """Register a company with its first administrator; his key is shown this once."""
    return versioned(await service.register_organization(platform, caller, idempotency_key, data))


@get(
    "/v1/organizations",
    operation_id="listOrganizations",
    tags=_ORGANIZATIONS,
    summary="List suppliers and your own company",
)
async def list_organizations(
    caller: Given[Caller], platform: Given[Platform], page_request: Given[PageRequest]
) -> Response[Page[OrganizationView | DirectoryView]]:
    """List the companies you may know of; your own, and for the operator all, with more detail."""
    return paged(page_request, await service.list_organizations(platform, caller, page_request))


@get(
    "/v1/organizations/{organization_id:uuid}",
    operation_id="readOrganization",
    tags=_ORGANIZATIONS,
    summary="Read a company or unit",
)
async def read_organization(
    organization_id: FromPath[UUID], caller: Given[Caller], platform: Given[Platform]
) -> Response[OrganizationView | DirectoryView]:
    """Read your company, one of its units, or what a supplier shows."""
    return versioned(await service.read_organization(platform, caller, organization_id))


@patch(
    "/v1/organizations/{organization_id:uuid}",
    operation_id="changeOrganization",
    tags=_ORGANIZATIONS,
    summary="Rename, move or close a company or unit",
)
async def change_organization(
    organization_id: FromPath[UUID],
    data: JSONBody[OrganizationChange],
    caller: Given[Caller],
    platform: Given[Platform],
    if_match: Given[int],
) -> Response[OrganizationView]:
    """Change what the body names; closing a company is for the operator."""
    return versioned(
        await service.change_organization(platform, caller, organization_id, if_match, data)
    )


@post(
    "/v1/organizations/{organization_id:uuid}/units",
    operation_id="addUnit",
    tags=_ORGANIZATIONS,
    summary="Add a unit under a company or unit",
)
async def add_unit(
    organization_id: FromPath[UUID],
    data: JSONBody[UnitInput],
    caller: Given[Caller],
    platform: Given[Platform],
    idempotency_key: Given[IdempotencyKey],
) -> Response[OrganizationView]:
    """Add a unit under the company or unit of the address."""
    return versioned(
        await service.add_unit(platform, caller, idempotency_key, organization_id, data)
    )


@get(
    "/v1/organizations/{organization_id:uuid}/units",
    operation_id="listUnits",
    tags=_ORGANIZATIONS,
    summary="List the units below a company or unit",
)
async def list_units(
    organization_id: FromPath[UUID],
    caller: Given[Caller],
    platform: Given[Platform],
    page_request: Given[PageRequest],
) -> Response[Page[OrganizationView]]:
    """List all units below the one of the address, oldest first."""
    return paged(
        page_request, await service.list_units(platform, caller, organization_id, page_request)
    )


@post(
    "/v1/organizations/{organization_id:uuid}/members",
    operation_id="addMember",
    tags=_ORGANIZATIONS,
    summary="Add a member",
)
async def add_member(
    organization_id: FromPath[UUID],
    data: JSONBody[MemberInput],
    caller: Given[Caller],
    platform: Given[Platform],
    idempotency_key: Given[IdempotencyKey],
) -> Response[MemberView]:
    """Add a person or a machine with roles in one or more units."""
    return versioned(
        await members.add_member(platform, caller, idempotency_key, organization_id, data)
    )


@get(
    "/v1/organizations/{organization_id:uuid}/members",
    operation_id="listMembers",
    tags=_ORGANIZATIONS,
    summary="List the members of a company or unit",
)
async def list_members(
    organization_id: FromPath[UUID],
    caller: Given[Caller],
    platform: Given[Platform],
    page_request: Given[PageRequest],
) -> Response[Page[MemberView]]:
    """List all members of your company, or those of one unit."""
    return paged(
        page_request, await members.list_members(platform, caller, organization_id, page_request)
    )


@get(
    "/v1/organizations/{organization_id:uuid}/members/{member_id:uuid}",
    operation_id="readMember",
    tags=_ORGANIZATIONS,
    summary="Read a member",
)
async def read_member(
    organization_id: FromPath[UUID],
    member_id: FromPath[UUID],
    caller: Given[Caller],
    platform: Given[Platform],
) -> Response[MemberView]:
    """Read a member of your company."""
    return versioned(await members.read_member(platform, caller, organization_id, member_id))


@patch(
    "/v1/organizations/{organization_id:uuid}/members/{member_id:uuid}",
    operation_id="changeMember",
    tags=_ORGANIZATIONS,
    summary="Change a member's units, roles, limit or name",
)
async def change_member(
    organization_id: FromPath[UUID],
    member_id: FromPath[UUID],
    data: JSONBody[MemberChange],
    caller: Given[Caller],
    platform: Given[Platform],
    if_match: Given[int],
) -> Response[MemberView]:
    """Change what the body names; it counts from the answer on, for keys in use too."""
    return versioned(
        await members.change_member(platform, caller, organization_id, member_id, if_match, data)
    )


@post(
    "/v1/organizations/{organization_id:uuid}/api-keys",
    operation_id="createApiKey",
    tags=_ACCESS,
    summary="Make a key for a member",
)
async def create_api_key(
    organization_id: FromPath[UUID],
    data: JSONBody[ApiKeyInput],
    caller: Given[Caller],
    platform: Given[Platform],
    idempotency_key: Given[IdempotencyKey],
) -> NewApiKeyView:
    """Make a key. Its text is in this answer alone: the same request again shows it no more."""
    return await keys.create_key(platform, caller, idempotency_key, organization_id, data)


@get(
    "/v1/organizations/{organization_id:uuid}/api-keys",
    operation_id="listApiKeys",
    tags=_ACCESS,
    summary="List keys, without their secrets",
)
async def list_api_keys(
    organization_id: FromPath[UUID],
    caller: Given[Caller],
    platform: Given[Platform],
    page_request: Given[PageRequest],
) -> Response[Page[ApiKeyView]]:
    """List your company's keys, revoked and expired ones included, or your own."""
    return paged(
        page_request, await keys.list_keys(platform, caller, organization_id, page_request)
    )


@delete(
    "/v1/organizations/{organization_id:uuid}/api-keys/{key_id:uuid}",
    operation_id="revokeApiKey",
    tags=_ACCESS,
    summary="Revoke a key",
)
async def revoke_api_key(
    organization_id: FromPath[UUID],
    key_id: FromPath[UUID],
    caller: Given[Caller],
    platform: Given[Platform],
) -> None:
    """Revoke a key and the sessions begun with it, at once."""
    await keys.revoke_key(platform, caller, organization_id, key_id)


@get("/v1/me", operation_id="readMe", tags=_ACCESS, summary="Who am I here?")
async def read_me(caller: Given[Caller], platform: Given[Platform]) -> MeView:
    """Tell who you are, for which unit you act, and what you may do."""
    return await members.read_me(platform, caller)


@post("/v1/sessions", operation_id="startSession", tags=_ACCESS, summary="Swap a key for a cookie")
async def start_session(caller: Given[Caller], platform: Given[Platform]) -> Response[SessionView]:
    """Begin a browser's session: a cookie that no script can read and no foreign page can send."""
    view, text = await keys.start_session(platform, caller)
    return Response(view, cookies=[_cookie(platform, text, SESSION_MINUTES * 60)])


@delete(
    "/v1/sessions",
    operation_id="endSession",
    tags=_ACCESS,
    summary="End the session",
)
async def end_session(caller: Given[Caller], platform: Given[Platform]) -> Response[None]:
    """End this session; asked with a key, all sessions begun with it."""
    await keys.end_sessions(platform, caller)
    return Response(None, cookies=[_cookie(platform, "", 0)])


def _cookie(platform: Platform, text: str, seconds: int) -> Cookie:
    return Cookie(
        key=SESSION_COOKIE,
        value=text,
        max_age=seconds,
        path="/",
        httponly=True,
        samesite="strict",
        secure=platform.settings.public_url.startswith("https:"),
    )


ROUTES: Final = (
    register_organization,
    list_organizations,
    read_organization,
    change_organization,
    add_unit,
    list_units,
    add_member,
    list_members,
    read_member,
    change_member,
    create_api_key,
    list_api_keys,
    revoke_api_key,
    read_me,
    start_session,
    end_session,
)
