"""Strict bodies: decoded by msgspec from the bytes, once, into the handler's struct.

Litestar by itself decodes a body untyped first and converts leniently: a number would pass for a
string, and an amount given as a JSON number would have lost digits by then.
"""

from collections.abc import Generator
from typing import Any, ClassVar, Final

import msgspec
from litestar.dto import AbstractDTO, DTOFieldDefinition
from litestar.openapi.spec import Reference, Schema
from litestar.typing import FieldDefinition

from marketplace.kernel.errors import FieldError, WrongMediaType
from marketplace.platform.http.problems import decode_body
from marketplace.platform.http.request import header

JSON: Final = "application/json"
_DECODER: Final = "body decoder"


def wrong_header(name: str, detail: str) -> WrongMediaType:
    """Make the error of a body in a form this operation does not read."""
    return WrongMediaType(detail, errors=(FieldError(f"{name}:", "invalid", detail),))


def media_type_of(content_type: str) -> str:
    """Give the media type of a header Content-Type without its parameters, as it is compared."""
    return content_type.partition(";")[0].strip().lower()


class StrictBody(AbstractDTO[Any]):
    """Takes the place of Litestar's reading of `data`, for every handler."""

    _decoders: ClassVar[dict[str, "msgspec.json.Decoder[Any]"]] = {}

    @classmethod
    def is_supported_model_type_field(cls, field_definition: FieldDefinition) -> bool:
        """Take the parameter `data`, whatever its type."""
        return field_definition.name == "data"

    @classmethod
    def create_for_field_definition(
        cls,
        field_definition: FieldDefinition,
        handler_id: str,
        backend_cls: Any = None,  # noqa: ARG003 - Litestar's signature
    ) -> None:
        """Make the decoder of a handler's body."""
        if field_definition.name == "data":
            cls._decoders[handler_id] = msgspec.json.Decoder(field_definition.annotation)

    def decode_bytes(self, value: bytes) -> Any:
        """Decode a body."""
        connection = self.asgi_connection
        given = header(connection.scope, b"content-type")
        if given is not None and given != JSON:
            media_type = media_type_of(given)
            if media_type != JSON and not media_type.endswith("+json"):
                raise wrong_header("Content-Type", f"Send the body as {JSON}.")
        encoding = header(connection.scope, b"content-encoding")
        if encoding is not None and encoding.lower() != "identity":
            raise wrong_header("Content-Encoding", "Send the body as it is, not compressed.")
        handler = connection.route_handler
        decoder = handler.opt.get(_DECODER)
        if decoder is None:  # the handler's id is put together anew whenever it is asked for
            decoder = handler.opt[_DECODER] = self._decoders[str(handler.handler_id)]
        return decode_body(decoder, value)

    @classmethod
    def create_openapi_schema(
        cls, field_definition: FieldDefinition, handler_id: str, schema_creator: Any
    ) -> Reference | Schema:
        """Describe the body as the struct it is."""
        del handler_id
        schema: Reference | Schema = schema_creator.for_field_definition(field_definition)
        return schema

    @classmethod
    def generate_field_definitions(
        cls, model_type: type[Any]
    ) -> Generator[DTOFieldDefinition, None, None]:
        """Give nothing: no transfer model is made."""
        del model_type
        yield from ()

    @classmethod
    def detect_nested_field(cls, field_definition: FieldDefinition) -> bool:
        """Tell that nothing is nested: no transfer model is made."""
        del field_definition
        return False
