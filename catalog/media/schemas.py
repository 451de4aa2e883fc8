"""Uploaded media on the wire."""

from datetime import datetime
from uuid import UUID

from marketplace.platform.http.schemas import Output


class MediumView(Output):
    """A picture or a paper that was uploaded; tell `url` among the media of a product to show it.

    It is `shown` where a product has it; until then its owner and the operator alone read it.
    """

    id: UUID
    owner_id: UUID
    url: str
    file_name: str
    media_type: str
    size_bytes: int
    sha256: str
    uploaded_at: datetime
    shown: bool
