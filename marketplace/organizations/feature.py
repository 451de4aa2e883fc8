"""What this package adds to the product."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from marketplace.organizations.authentication import KeyAuthenticator, Pepper
from marketplace.organizations.keys import forget_sessions
from marketplace.organizations.routes import ROUTES
from marketplace.platform.core import Platform
from marketplace.platform.feature import Feature, Scope
from marketplace.platform.http.access import Authenticator


@asynccontextmanager
async def hear_of_changed_rights(platform: Platform) -> AsyncIterator[None]:
    """Let the authenticator of an API process remember callers while it hears of changes."""
    authenticator = platform.get(Authenticator)  # type: ignore[type-abstract]
    if not isinstance(authenticator, KeyAuthenticator):
        yield
        return
    async with authenticator.listening():
        yield


FEATURE: Final = Feature(
    name="organizations",
    routes=ROUTES,
    scopes=(
        Scope(
            "organizations:read",
            "Read the directory, your company, its units and members",
            ("administrator", "purchaser", "approver", "seller", "viewer", "operator"),
        ),
        Scope(
            "organizations:write",
            "Change your company, its units, members and their keys",
            ("administrator",),
        ),
        Scope("organizations:register", "Register, suspend and open companies", ("operator",)),
    ),
    provides={Authenticator: KeyAuthenticator, Pepper: Pepper},
    forgets=(forget_sessions,),
    api_lifespans=(hear_of_changed_rights,),
)
