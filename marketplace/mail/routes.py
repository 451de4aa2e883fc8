"""HTTP of mail: what a member does not want."""

from litestar import get, put

from marketplace.mail import service
from marketplace.mail.schemas import MailPreferenceInput, MailPreferenceView
from marketplace.platform.caller import Caller
from marketplace.platform.core import Platform
from marketplace.platform.http.given import Given, JSONBody


@get(
    "/v1/me/mail",
    operation_id="readMailPreference",
    tags=["organizations"],
    summary="What you have switched off of the mail that events send you",
)
async def read_preference(caller: Given[Caller], platform: Given[Platform]) -> MailPreferenceView:
    """Read the own preference."""
    return await service.read_preference(platform, caller)


@put(
    "/v1/me/mail",
    operation_id="putMailPreference",
    tags=["organizations"],
    summary="Switch mail about topics off, and about all others on",
)
async def put_preference(
    data: JSONBody[MailPreferenceInput], caller: Given[Caller], platform: Given[Platform]
) -> MailPreferenceView:
    """Put the own preference."""
    return await service.put_preference(platform, caller, data)


ROUTES = (read_preference, put_preference)
