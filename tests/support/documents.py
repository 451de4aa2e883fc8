"""Small documents of all kinds that are taken, made here."""

import io
import zipfile

from marketplace.platform.contents.releasing import Download

PDF = b"%PDF-1.7\n1 0 obj\n<< /Type /Catalog >>\nendobj\n%%EOF\n"
PNG = b"\x89PNG\r\n\x1a\n" + b"\0\0\0\rIHDR" + (100).to_bytes(4, "big") * 2 + b"\x08\x02\0\0\0"
WEBP = b"RIFF" + (30).to_bytes(4, "little") + b"WEBPVP8 " + bytes(22)
JPEG = b"\xff\xd8\xff\xe0\0\x10JFIF\0" + bytes(40) + b"\xff\xd9"
TEXT = "Prüfzeugnis Nr. 7\n".encode()
EICAR = rb"X5O!P%@AP[4\PZX54(P^)7CC)7}$EICAR-STANDARD-ANTIVIRUS-TEST-FILE!$H+H*"


def archive(**parts: bytes) -> bytes:
    """An archive of these parts; ``__`` in a name stands for ``/``, ``_dot_`` for a point."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as file:
        for name, content in parts.items():
            file.writestr(name.replace("__", "/").replace("_dot_", "."), content)
    return out.getvalue()


def office(part: str = "word__document_dot_xml", **more: bytes) -> bytes:
    """An office document with this main part."""
    types = {"[Content_Types]_dot_xml": b"<Types/>"}
    return archive(**types, **{part: b"<document/>"}, **more)


async def whole(download: Download) -> bytes:
    """All of a document that is given out."""
    return b"".join([piece async for piece in download.pieces])
