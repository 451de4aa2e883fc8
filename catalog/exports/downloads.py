"""How the API's document describes an answer that is a file."""

from dataclasses import dataclass

from litestar.openapi.spec import OpenAPIMediaType, OpenAPIResponse, OpenAPIType, Operation, Schema

from catalog.exports.writers import MEDIA_TYPES


@dataclass
class FileDownload(Operation):
    """An operation that answers with a file, in the format that was asked for."""

    def __post_init__(self) -> None:
        """Describe the answer, which no type of the handler does."""
        text = OpenAPIMediaType(schema=Schema(type=OpenAPIType.STRING))
        self.responses = {
            **(self.responses or {}),
            "200": OpenAPIResponse(
                description="The file.", content=dict.fromkeys(MEDIA_TYPES.values(), text)
            ),
        }
