"""Mail on the wire."""

from typing import Annotated

from msgspec import Meta

from marketplace.mail.rules import Topic
from marketplace.platform.http.schemas import Input, Output


class MailPreferenceInput(Input):
    """The topics the caller does not want mail about; all others he gets."""

    muted: Annotated[list[Topic], Meta(max_length=len(Topic))]


class MailPreferenceView(Output):
    """What the caller has switched off."""

    muted: list[Topic]
