"""What goes over the wire about documents and attachments; hashes in hexadecimal."""

from datetime import datetime
from uuid import UUID

from marketplace.platform.contents.kinds import DocumentKind
from marketplace.platform.contents.scanning import Scan
from marketplace.platform.http.schemas import Output
from rfq.rules.bid import Part


class DocumentView(Output):
    """A document of a procedure, for all who see the procedure.

    It is a part of the terms `terms_from` a version of them; without one it waits for an amendment
    that names it, and only the buyer sees it. What is not `in_force` an amendment took out.
    """

    id: UUID
    procedure_id: UUID
    name: str
    media_type: DocumentKind
    size_bytes: int
    sha256: str
    scan: Scan
    added_at: datetime
    terms_from: int | None
    in_force: bool


class DocumentList(Output):
    """All documents of a procedure, the first first; also those that were in force before."""

    items: list[DocumentView]


class UploadView(Output):
    """An attachment that was uploaded and sealed.

    It belongs to no bid yet: name `id` and `sha256` in the bid. `media_type` and `size_bytes` are
    told in this answer alone.
    """

    id: UUID
    procedure_id: UUID
    sha256: str
    media_type: DocumentKind
    size_bytes: int
    scan: Scan
    uploaded_at: datetime


class SealedUploadView(Output):
    """A file that the bidder's own program sealed, as it arrived.

    It belongs to no bid yet: name its `id` in the bid, with the key, name and SHA-256 of the
    document.
    """

    id: UUID
    procedure_id: UUID
    sealed_sha256: str
    sealed_bytes: int
    uploaded_at: datetime


class AttachmentView(Output):
    """An attachment of an opened bid; one with an `invalid_reason` is set aside: nobody reads it.

    Of one that the bidder's own program sealed kind and size are known soon after the opening.
    """

    id: UUID
    procedure_id: UUID
    bid_id: UUID
    bidder_id: UUID
    name: str
    part: Part
    media_type: DocumentKind | None
    size_bytes: int | None
    sha256: str
    scan: Scan
    invalid_reason: str | None
