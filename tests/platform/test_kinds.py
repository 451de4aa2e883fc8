import pytest

from marketplace.kernel.errors import InvalidInput
from marketplace.platform.contents import kinds
from marketplace.platform.contents.kinds import DocumentKind, check_name, recognised, served_name
from tests.support.documents import JPEG, PDF, PNG, TEXT, WEBP, archive, office

ODS = b"application/vnd.oasis.opendocument.spreadsheet"


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (PDF, DocumentKind.PDF),
        (PNG, DocumentKind.PNG),
        (JPEG, DocumentKind.JPEG),
        (WEBP, DocumentKind.WEBP),
        (b"II*\x00" + bytes(8), DocumentKind.TIFF),
        (TEXT, DocumentKind.TEXT),
        (office(), DocumentKind.DOCX),
        (office("xl__workbook_dot_xml"), DocumentKind.XLSX),
        (office("ppt__presentation_dot_xml"), DocumentKind.PPTX),
        (archive(mimetype=ODS, content_dot_xml=b"<a/>"), DocumentKind.ODS),
    ],
)
def test_a_document_is_what_its_content_says(content: bytes, kind: DocumentKind) -> None:
    assert recognised(content) is kind


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"", "empty"),
        (b"MZ\x90\x00" + bytes(60), "kind_not_taken"),
        (b"\x7fELF" + bytes(60), "kind_not_taken"),
        (b"GIF89a" + bytes(60), "kind_not_taken"),
        (b"Gr\xfc\xdfe", "kind_not_taken"),
        (PDF[:-8], "broken"),
        (archive(setup_dot_exe=b"MZ"), "kind_not_taken"),
        (archive(content_dot_xml=b"x", mimetype=ODS), "kind_not_taken"),
        (office(word__vbaProject_dot_bin=b"x"), "macros"),
        (archive(mimetype=ODS, Basic__Standard__Module_dot_xml=b"x"), "macros"),
        (office(word__media__a_dot_png=bytes(5_000_000)), "zip_bomb"),
        (office()[:-30], "broken"),
        (PNG[:16] + b"\xff" * 8 + PNG[24:], "too_large"),
    ],
)
def test_what_is_not_on_the_list_is_refused_whatever_it_is_called(
    content: bytes, code: str
) -> None:
    with pytest.raises(InvalidInput) as refusal:
        recognised(content)
    assert refusal.value.errors[0].code == code


def test_an_archive_that_lies_about_a_size_is_refused() -> None:
    honest = office(word__big_dot_xml=bytes(900_000))
    lying = honest.replace((900_000).to_bytes(4, "little"), (9).to_bytes(4, "little"))
    assert honest != lying
    with pytest.raises(InvalidInput) as refusal:
        recognised(lying)
    assert refusal.value.errors[0].code == "zip_bomb"


def test_too_much_unpacked_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    bounds = kinds.ArchiveBounds(parts_max=3, bytes_max=10_000_000, ratio_max=9_999)
    monkeypatch.setattr(kinds, "_BOUNDS", bounds)
    for content, code in (
        (office(word__a_dot_xml=bytes(11_000_000)), "too_large"),
        (office(a=b"", b=b""), "zip_bomb"),
    ):
        with pytest.raises(InvalidInput) as refusal:
            recognised(content)
        assert refusal.value.errors[0].code == code


@pytest.mark.parametrize(
    "name",
    ["../a.pdf", "a\\b.pdf", "invoice\u202efdp.exe", " a.pdf", "a.pdf.", "", "a" * 201, 'x"y'],
)
def test_a_name_that_is_a_path_or_hides_what_it_is_is_refused(name: str) -> None:
    with pytest.raises(InvalidInput):
        check_name(name, "?name")


def test_a_document_is_saved_under_a_name_that_ends_as_its_kind_does() -> None:
    check_name("Angebot (2) – Größe.pdf", "")
    assert served_name("offer.PDF", DocumentKind.PDF) == "offer.PDF"
    assert served_name("offer.exe", DocumentKind.PDF) == "offer.exe.pdf"
    assert served_name("offer", DocumentKind.JPEG) == "offer.jpg"
    assert served_name("prices.csv", DocumentKind.TEXT) == "prices.csv"
    assert served_name("page.html", DocumentKind.TEXT) == "page.html.txt"
