"""The comparison as a workbook; made in another process.

Numbers are numbers with the format of their currency, where a spreadsheet can hold them exactly;
texts never run as formulas. Each row names the bid and where its computation is told.
"""

import io
from collections.abc import Callable
from decimal import Decimal
from typing import Any, Final

from catalog.imports.defusing import defused
from marketplace.kernel.money import currency_digits
from rfq.comparison.page import remark
from rfq.comparison.schemas import ComparedLotView, ComparedOfferView, ComparisonView, DeviationView

XLSX: Final = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
_FLOAT_DIGITS: Final = 15
_WIDTHS: Final = {"Lot": 40, "Line": 50, "Supplier": 30, "Remark": 40, "Computation": 60}
_WIDTH: Final = 16
_OPTIONS: Final = {
    "in_memory": True,
    "strings_to_formulas": False,
    "strings_to_numbers": False,
    "strings_to_urls": False,
}
OFFER_COLUMNS: Final = (
    "No.",
    "Lot",
    "Supplier",
    "Rank",
    "Total",
    "First total",
    "Above best",
    "Above best %",
    "Above estimate",
    "Above estimate %",
    "Above baseline",
    "Above baseline %",
    "Ranked by",
    "Remark",
    "Bid",
    "Source",
    "Computation",
)
LINE_COLUMNS: Final = (
    "No.",
    "Lot",
    "Supplier",
    "Line",
    "Quantity",
    "Unit",
    "Unit price",
    "Per",
    "Amount",
    "Lowest",
    "Bid",
    "Line id",
)


def workbook(view: ComparisonView) -> bytes:
    """Write the workbook; the same comparison gives the same bytes."""
    import xlsxwriter  # noqa: PLC0415 - for the process apart alone

    out = io.BytesIO()
    book = xlsxwriter.Workbook(out, _OPTIONS)
    book.set_properties({"created": view.opened_at.replace(tzinfo=None), "title": view.title})
    write = _Writer(book, view.currency)
    write.sheet("Lots", _lot_columns(view), lambda: _lots(view), frozen=2)
    write.sheet("Offers", OFFER_COLUMNS, lambda: _offers(view), frozen=3)
    if any(offer.scores for lot in view.lots for offer in lot.offers):
        columns = (
            "No.",
            "Lot",
            "Supplier",
            "Criterion",
            "Score",
            "Points",
            "Weight",
            "Criterion id",
        )
        write.sheet("Scores", columns, lambda: _scores(view), frozen=3)
    write.sheet("Lines", LINE_COLUMNS, lambda: _lines(view), frozen=3)
    book.close()
    return out.getvalue()


class _Amount(str):
    """An amount in the comparison's currency."""

    __slots__ = ()


class _Share(str):
    """A part of one, shown in percent."""

    __slots__ = ()


class _Number(str):
    """A number without a currency."""

    __slots__ = ()


class _Writer:
    def __init__(self, book: Any, currency: str) -> None:
        self._book = book
        digits = currency_digits(currency)
        places = f".{'0' * digits}" if digits else ""
        self._formats: dict[Any, Any] = {
            _Amount: book.add_format({"num_format": f'#,##0{places} "{currency}"'}),
            _Share: book.add_format({"num_format": "0.0%"}),
            _Number: book.add_format({"num_format": "0.######"}),
        }
        self._bold = book.add_format({"bold": True, "text_wrap": True, "valign": "top"})

    def sheet(
        self, name: str, columns: Any, rows: Callable[[], list[list[Any]]], *, frozen: int
    ) -> None:
        """Write one sheet; its head row and first columns stay in sight."""
        sheet = self._book.add_worksheet(name)
        sheet.freeze_panes(1, frozen)
        for place, column in enumerate(columns):
            sheet.write_string(0, place, defused(column), self._bold)
            sheet.set_column(place, place, _WIDTHS.get(column, _WIDTH))
        last = 0
        for last, row in enumerate(rows(), 1):
            for place, cell in enumerate(row):
                self._cell(sheet, last, place, cell)
        sheet.autofilter(0, 0, last, len(columns) - 1)

    def _cell(self, sheet: Any, row: int, place: int, cell: Any) -> None:
        if cell is None:
            return
        shape = self._formats.get(type(cell))
        if isinstance(cell, int):
            sheet.write_number(row, place, cell)
        elif shape is not None and _is_exact(Decimal(cell)):
            sheet.write_number(row, place, float(Decimal(cell)), shape)
        else:
            sheet.write_string(row, place, defused(str(cell)))


def _is_exact(number: Decimal) -> bool:
    return Decimal(f"{float(number):.{_FLOAT_DIGITS}g}") == number


def _lot_columns(view: ComparisonView) -> tuple[str, ...]:
    suppliers = [each.supplier for each in view.suppliers]
    return ("No.", "Lot", "Status", "Estimate", "Baseline", "Best", "Best supplier", *suppliers)


def _lots(view: ComparisonView) -> list[list[Any]]:
    rows = []
    for lot in view.lots:
        of_supplier = {
            each.supplier_id: each
            for each in lot.offers
            if each.rank is not None and not each.left_out
        }
        first = next((each.offered_by for each in lot.offers if each.rank == 1), None)
        totals = [
            _amount(of_supplier[each.supplier_id].total)
            if each.supplier_id in of_supplier
            else None
            for each in view.suppliers
        ]
        money = [_amount(each) for each in (lot.estimate, lot.baseline, lot.best)]
        rows.append([lot.number, lot.title, lot.status.value, *money, first, *totals])
    return rows


def _offers(view: ComparisonView) -> list[list[Any]]:
    return [
        [
            *_place(lot, offer),
            offer.rank,
            _amount(offer.total),
            _amount(offer.first_total),
            *_deviation(offer.above_best),
            *_deviation(offer.above_estimate),
            *_deviation(offer.above_baseline),
            offer.score if "/" in offer.score else _Number(offer.score),
            remark(offer),
            str(offer.bid_id),
            offer.source,
            lot.computation,
        ]
        for lot in view.lots
        for offer in lot.offers
    ]


def _scores(view: ComparisonView) -> list[list[Any]]:
    return [
        [
            *_place(lot, offer),
            each.title,
            *(
                text if text is None or "/" in text else _Number(text)
                for text in (each.score, each.points, each.weight)
            ),
            str(each.criterion_id),
        ]
        for lot in view.lots
        for offer in lot.offers
        for each in offer.scores
    ]


def _lines(view: ComparisonView) -> list[list[Any]]:
    return [
        [
            *_place(lot, offer),
            asked[line.line_id].description,
            _Number(asked[line.line_id].quantity),
            asked[line.line_id].unit,
            _Number(line.unit_amount),
            _Number(line.basis),
            _amount(line.amount),
            "lowest" if line.lowest else None,
            str(offer.bid_id),
            str(line.line_id),
        ]
        for lot in view.lots
        for asked in [{each.line_id: each for each in lot.lines}]
        for offer in lot.offers
        for line in offer.lines
    ]


def _place(lot: ComparedLotView, offer: ComparedOfferView) -> list[Any]:
    return [lot.number, lot.title, offer.offered_by]


def _amount(money: Any) -> _Amount | None:
    return None if money is None else _Amount(money.amount)


def _deviation(found: DeviationView | None) -> list[Any]:
    return [None, None] if found is None else [_Amount(found.amount), _Share(found.share)]
