"""A sheet as a page: no script, one style, everything escaped by the library that writes it."""

from typing import Final
from xml.etree.ElementTree import Element, SubElement, tostring

from marketplace.platform.sheets.model import Cell, Fact, Picture, Section, Sheet, Table

STYLE: Final = "/sheets/assets/sheet.css"


def page(sheet: Sheet) -> bytes:
    """Write the page."""
    html = Element("html", lang="en")
    head = SubElement(html, "head")
    SubElement(head, "meta", charset="utf-8")
    SubElement(head, "meta", name="viewport", content="width=device-width, initial-scale=1")
    SubElement(head, "title").text = f"{sheet.kind}: {sheet.title}"
    SubElement(head, "link", rel="stylesheet", href=STYLE)
    body = SubElement(html, "body", {"class": "wide"} if sheet.wide else {})
    header = SubElement(body, "header")
    SubElement(header, "p", {"class": "kind"}).text = sheet.kind
    SubElement(header, "h1").text = sheet.title
    main = SubElement(body, "main")
    _facts(main, sheet.facts)
    for section in sheet.sections:
        _section(main, section)
    footer = SubElement(body, "footer")
    for note in sheet.notes:
        SubElement(footer, "p").text = note
    text: str = tostring(html, encoding="unicode", method="html")
    return f"<!doctype html>\n{text}".encode()


def _section(main: Element, section: Section) -> None:
    part = SubElement(main, "section")
    SubElement(part, f"h{section.level + 1}").text = section.heading
    for text in section.texts:
        SubElement(part, "p", {"class": "text"}).text = text
    _facts(part, section.facts)
    for table in section.tables:
        _table(part, table)
    for picture in section.pictures:
        _picture(part, picture)


def _facts(parent: Element, facts: tuple[Fact, ...]) -> None:
    if not facts:
        return
    many = SubElement(parent, "dl")
    for each in facts:
        SubElement(many, "dt").text = each.name
        _text(SubElement(many, "dd"), each.value)


def _table(parent: Element, table: Table) -> None:
    frame = SubElement(parent, "div", {"class": "table"})
    made = SubElement(frame, "table")
    if table.caption:
        SubElement(made, "caption").text = table.caption
    headings = SubElement(SubElement(made, "thead"), "tr")
    for column in table.columns:
        SubElement(headings, "th", _side(right=column.right), scope="col").text = column.heading
    body = SubElement(made, "tbody")
    for cells in table.rows:
        _row(body, table, cells)
    if table.last is not None:
        _row(SubElement(made, "tfoot"), table, table.last)


def _row(parent: Element, table: Table, cells: tuple[Cell, ...]) -> None:
    line = SubElement(parent, "tr")
    for column, cell in zip(table.columns, cells, strict=True):
        _text(SubElement(line, "td", _side(right=column.right)), cell)


def _side(*, right: bool) -> dict[str, str]:
    return {"class": "right"} if right else {}


def _text(place: Element, cell: Cell) -> None:
    if cell.strong:
        place = SubElement(place, "strong")
    if cell.link is not None:
        place = SubElement(place, "a", href=cell.link)
    if cell.code:
        place = SubElement(place, "code")
    place.text = cell.text


def _picture(parent: Element, picture: Picture) -> None:
    figure = SubElement(parent, "figure")
    SubElement(figure, "img", src=picture.address, alt=picture.description)
