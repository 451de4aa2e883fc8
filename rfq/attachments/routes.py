"""Documents and attachments over HTTP."""

from dataclasses import dataclass
from typing import Annotated, Any, Final
from uuid import UUID

from litestar import Request, Response, delete, get, post
from litestar.openapi.spec import Operation, RequestBody
from litestar.params import QueryParameter
from litestar.response import Stream
from litestar.types import ControllerRouterHandler

from marketplace.kernel.limits import DOCUMENT_BYTES_MAX
from marketplace.platform.caller import Caller
from marketplace.platform.contents.releasing import Download
from marketplace.platform.core import Platform
from marketplace.platform.http.contents import (
    BINARY,
    DOCUMENT_BODY_BYTES_MAX,
    TEXT,
    DocumentDownload,
    DocumentUpload,
    body_stream,
    streamed,
)
from marketplace.platform.http.given import FromPath, Given
from marketplace.platform.http.paging import Page, PageRequest, paged
from marketplace.platform.http.schemas import Name
from rfq.attachments import client_sealed, documents, sealed
from rfq.attachments.schemas import (
    AttachmentView,
    DocumentList,
    DocumentView,
    SealedUploadView,
    UploadView,
)
from rfq.rules.bid import Part
from rfq.rules.strict_files import SEALED_FILE_BYTES_MAX
from rfq.strict.schemas import HashText

TAGS: Final = ["documents"]


@dataclass
class SealedUpload(Operation):
    """An operation whose body is a sealed file."""

    def __post_init__(self) -> None:
        """Describe the body, which no parameter of the handler does."""
        self.request_body = RequestBody(
            required=True,
            description=(
                "The file as docs/examples/strict_client.py seals it: chunks of 64 KiB, padded, of "
                f"a document with at most {DOCUMENT_BYTES_MAX // 1_048_576} MB."
            ),
            content={BINARY: TEXT},
        )


async def _download(found: Download) -> Stream:
    return await streamed(found.pieces, found.kind.value, found.headers())


@post(
    "/v1/procedures/{procedure_id:uuid}/documents",
    operation_id="addDocument",
    operation_class=DocumentUpload,
    tags=TAGS,
    summary="Add a document to the own procedure; the same content again is the same document",
    request_max_body_size=DOCUMENT_BODY_BYTES_MAX,
)
async def add_document(
    request: Request[Any, Any, Any],
    procedure_id: FromPath[UUID],
    caller: Given[Caller],
    platform: Given[Platform],
    name: Annotated[Name, QueryParameter(name="name", description="What the file is called.")],
) -> DocumentView:
    """Add a document."""
    return await documents.add_document(platform, caller, procedure_id, name, body_stream(request))


@get(
    "/v1/procedures/{procedure_id:uuid}/documents",
    operation_id="listDocuments",
    tags=TAGS,
    summary="List the documents of a procedure",
)
async def list_documents(
    procedure_id: FromPath[UUID], caller: Given[Caller], platform: Given[Platform]
) -> DocumentList:
    """List documents."""
    return await documents.list_documents(platform, caller, procedure_id)


@get(
    "/v1/procedures/{procedure_id:uuid}/documents/{document_id:uuid}/content",
    operation_id="downloadDocument",
    operation_class=DocumentDownload,
    tags=TAGS,
    summary="Download a document of a procedure",
)
async def download_document(
    procedure_id: FromPath[UUID],
    document_id: FromPath[UUID],
    caller: Given[Caller],
    platform: Given[Platform],
) -> Stream:
    """Download a document."""
    found = await documents.download_document(platform, caller, procedure_id, document_id)
    return await _download(found)


@delete(
    "/v1/procedures/{procedure_id:uuid}/documents/{document_id:uuid}",
    operation_id="removeDocument",
    tags=TAGS,
    summary="Remove a document that no published terms have",
)
async def remove_document(
    procedure_id: FromPath[UUID],
    document_id: FromPath[UUID],
    caller: Given[Caller],
    platform: Given[Platform],
) -> None:
    """Remove a document."""
    await documents.remove_document(platform, caller, procedure_id, document_id)


@post(
    "/v1/procedures/{procedure_id:uuid}/attachments",
    operation_id="uploadAttachment",
    operation_class=DocumentUpload,
    tags=TAGS,
    summary="Upload an attachment for the own bid; it is sealed at once, and the bid names it",
    request_max_body_size=DOCUMENT_BODY_BYTES_MAX,
)
async def upload_attachment(
    request: Request[Any, Any, Any],
    procedure_id: FromPath[UUID],
    caller: Given[Caller],
    platform: Given[Platform],
    part: Annotated[
        Part,
        QueryParameter(
            name="part",
            description="`financial`: for the financial envelope, where the procedure has two.",
        ),
    ] = Part.WHOLE,
) -> UploadView:
    """Upload an attachment."""
    chunks = body_stream(request)
    return await sealed.upload_attachment(platform, caller, procedure_id, chunks, part)


@post(
    "/v1/procedures/{procedure_id:uuid}/sealed-attachments",
    operation_id="uploadSealedAttachment",
    operation_class=SealedUpload,
    tags=TAGS,
    summary="Upload an attachment that your own program sealed, for a strict procedure",
    request_max_body_size=SEALED_FILE_BYTES_MAX + 1,
)
async def upload_sealed(
    request: Request[Any, Any, Any],
    procedure_id: FromPath[UUID],
    caller: Given[Caller],
    platform: Given[Platform],
    sha256: Annotated[
        HashText, QueryParameter(name="sha256", description="The SHA-256 of what is sent.")
    ],
) -> SealedUploadView:
    """Upload a sealed attachment."""
    chunks = body_stream(request)
    return await client_sealed.upload_sealed(platform, caller, procedure_id, sha256, chunks)


@get(
    "/v1/procedures/{procedure_id:uuid}/attachments",
    operation_id="listAttachments",
    tags=TAGS,
    summary="List the attachments of opened bids: as the buyer all, as a bidder your own",
)
async def list_attachments(
    procedure_id: FromPath[UUID],
    caller: Given[Caller],
    platform: Given[Platform],
    page_request: Given[PageRequest],
) -> Response[Page[AttachmentView]]:
    """List attachments."""
    return paged(
        page_request, await sealed.list_attachments(platform, caller, procedure_id, page_request)
    )


@get(
    "/v1/procedures/{procedure_id:uuid}/attachments/{attachment_id:uuid}/content",
    operation_id="downloadAttachment",
    operation_class=DocumentDownload,
    tags=TAGS,
    summary="Download an attachment of an opened bid",
)
async def download_attachment(
    procedure_id: FromPath[UUID],
    attachment_id: FromPath[UUID],
    caller: Given[Caller],
    platform: Given[Platform],
) -> Stream:
    """Download an attachment."""
    found = await sealed.download_attachment(platform, caller, procedure_id, attachment_id)
    return await _download(found)


ROUTES: Final[tuple[ControllerRouterHandler, ...]] = (
    add_document,
    list_documents,
    download_document,
    remove_document,
    upload_attachment,
    upload_sealed,
    list_attachments,
    download_attachment,
)
