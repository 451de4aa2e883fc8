"""How the API's document describes an answer that is a file."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from litestar.openapi.spec import OpenAPIMediaType, OpenAPIResponse, OpenAPIType, Operation, Schema

from catalog.exports.writers import MEDIA_TYPES


@dataclass
class FileDownload(Operation):
    """An operation that answers with a file, in the format that was asked for."""

    media_types: ClassVar[Sequence[str]] = tuple(MEDIA_TYPES.values())

    def __post_init__(self) -> None:
        """Describe the answer, which no type of the handler does."""
        text = OpenAPIMediaType(schema=Schema(type=OpenAPIType.STRING))
        self.responses = {
            **(self.responses or {}),
            "200": OpenAPIResponse(
                description="The file.", content=dict.fromkeys(self.media_types, text)
            ),
        }


@dataclass
class BmecatDownload(FileDownload):
    """An operation that answers with a BMEcat document."""

    media_types: ClassVar[Sequence[str]] = ("application/xml",)
