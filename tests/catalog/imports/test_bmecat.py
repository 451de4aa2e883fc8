"""BMEcat 2005: what suppliers' systems send, and what attackers do."""

import time
from decimal import Decimal
from fractions import Fraction
from itertools import pairwise
from typing import Any

import pytest

from catalog.imports.bmecat import BmecatReader
from catalog.imports.layouts import OFFERS, PRICES
from catalog.imports.products import PRODUCTS
from catalog.imports.rows import Layout

HEADER = """<?xml version="1.0" encoding="{encoding}"?>
<BMECAT version="2005" xmlns="http://www.bmecat.org/bmecat/2005fd">
 <HEADER><CATALOG><LANGUAGE default="true">deu</LANGUAGE><CATALOG_ID>K1</CATALOG_ID>
 <CATALOG_VERSION>001.001</CATALOG_VERSION><CURRENCY>EUR</CURRENCY></CATALOG>
 <SUPPLIER><SUPPLIER_NAME>Acme</SUPPLIER_NAME></SUPPLIER></HEADER>
"""
PRODUCT = """
<PRODUCT mode="new"><SUPPLIER_PID type="supplier_specific">K-6204</SUPPLIER_PID>
 <PRODUCT_DETAILS><DESCRIPTION_SHORT lang="deu">Rillenkugellager 6204 für Öl</DESCRIPTION_SHORT>
  <DESCRIPTION_LONG lang="deu">Beidseitig &lt;abgedichtet&gt;</DESCRIPTION_LONG>
  <INTERNATIONAL_PID type="gtin">4006381333931</INTERNATIONAL_PID>
  <MANUFACTURER_PID>6204-2RS</MANUFACTURER_PID><MANUFACTURER_NAME>Acme</MANUFACTURER_NAME>
  <DELIVERY_TIME>14</DELIVERY_TIME></PRODUCT_DETAILS>
 <PRODUCT_ORDER_DETAILS><ORDER_UNIT>XBX</ORDER_UNIT><CONTENT_UNIT>C62</CONTENT_UNIT>
  <NO_CU_PER_OU>12</NO_CU_PER_OU><PRICE_QUANTITY>100</PRICE_QUANTITY>
  <QUANTITY_MIN>5</QUANTITY_MIN><QUANTITY_INTERVAL>5</QUANTITY_INTERVAL></PRODUCT_ORDER_DETAILS>
 <PRODUCT_PRICE_DETAILS>
  <DATETIME type="valid_start_date"><DATE>2026-01-01</DATE></DATETIME>
  <DATETIME type="valid_end_date"><DATE>2027-01-01</DATE></DATETIME>
  <PRODUCT_PRICE price_type="net_customer"><PRICE_AMOUNT>12.50</PRICE_AMOUNT>
   <PRICE_CURRENCY>EUR</PRICE_CURRENCY><TAX>0.19</TAX><LOWER_BOUND>1</LOWER_BOUND></PRODUCT_PRICE>
  <PRODUCT_PRICE price_type="net_customer"><PRICE_AMOUNT>10</PRICE_AMOUNT>
   <PRICE_FACTOR>0.9</PRICE_FACTOR><LOWER_BOUND>50</LOWER_BOUND></PRODUCT_PRICE>
 </PRODUCT_PRICE_DETAILS></PRODUCT>
"""


def document(
    body: str = PRODUCT, transaction: str = "T_NEW_CATALOG", encoding: str = "UTF-8"
) -> bytes:
    text = HEADER.format(encoding=encoding)
    return f"{text}<{transaction}>{body}</{transaction}></BMECAT>".encode(encoding)


def read(
    data: bytes, layout: Layout[Any] = PRICES, chunk: int = 100_000, currency: str = "EUR"
) -> tuple[list[Any], BmecatReader[Any]]:
    reader = BmecatReader(layout, errors_max=100, currency=currency)
    rows: list[Any] = []
    for start in range(0, len(data), chunk):
        rows += reader.feed(data[start : start + chunk])
    rows += reader.finish()
    return rows, reader


@pytest.mark.parametrize("transaction", ["T_NEW_CATALOG", "T_UPDATE_PRODUCTS"])
@pytest.mark.parametrize("encoding", ["UTF-8", "ISO-8859-1"])
@pytest.mark.parametrize("chunk", [7, 100_000])
def test_a_product_is_an_offer(transaction: str, encoding: str, chunk: int) -> None:
    (offer,), reader = read(document(PRODUCT, transaction, encoding), OFFERS, chunk)
    assert reader.errors == []
    assert (offer.line, offer.sku, offer.name) == (1, "K-6204", "Rillenkugellager 6204 für Öl")
    assert offer.description == "Beidseitig <abgedichtet>"
    assert (offer.maker, offer.maker_number, offer.gtin) == ("Acme", "6204-2RS", "04006381333931")
    assert (offer.terms.unit, offer.terms.content_unit) == ("XBX", "C62")
    assert offer.terms.content == Fraction(12)
    assert (offer.terms.minimum_quantity, offer.terms.multiple) == (5, 5)
    assert offer.terms.lead_time_days == 14


def test_its_prices_are_tiers_per_price_quantity() -> None:
    rows, reader = read(document())
    assert reader.errors == []
    assert [(r.minimum_quantity, r.amount, r.basis, r.unit) for r in rows] == [
        (1, Decimal("12.50"), 100, "XBX"),
        (50, Decimal("9.0"), 100, "XBX"),
    ]
    assert {(r.valid_from.year, r.valid_until.year) for r in rows} == {(2026, 2027)}


def test_a_price_in_another_currency_than_the_lists_is_refused() -> None:
    rows, reader = read(document(), currency="USD")
    assert rows == []
    assert {(e.line, e.code) for e in reader.errors} == {(1, "wrong_currency")}


def priced(**amounts: str) -> str:
    prices = "".join(
        f'<PRODUCT_PRICE price_type="{kind}"><PRICE_AMOUNT>{amount}</PRICE_AMOUNT></PRODUCT_PRICE>'
        for kind, amount in amounts.items()
    )
    before = PRODUCT.partition("<PRODUCT_PRICE_DETAILS>")[0]
    return f"{before}<PRODUCT_PRICE_DETAILS>{prices}</PRODUCT_PRICE_DETAILS></PRODUCT>"


@pytest.mark.parametrize(
    ("amounts", "taken"),
    [
        ({"gros_list": "11.90", "net_list": "10", "nrp": "15"}, ["10"]),
        ({"net_list": "10", "net_customer": "9", "net_customer_exp": "12"}, ["9"]),
        ({"udp_special": "8"}, ["8"]),
    ],
)
def test_of_a_product_the_price_that_is_paid_is_taken_and_it_is_net(
    amounts: dict[str, str], taken: list[str]
) -> None:
    rows, reader = read(document(priced(**amounts)))
    assert reader.errors == []
    assert [str(row.amount) for row in rows] == taken


def test_of_prices_in_several_currencies_that_of_the_list_is_taken() -> None:
    dollars = "<PRICE_CURRENCY>USD</PRICE_CURRENCY></PRODUCT_PRICE>"
    both = priced(net_list="10", net_customer="9")
    ours, theirs = both.split("</PRODUCT_PRICE>", 1)
    product = ours + "</PRODUCT_PRICE>" + theirs.replace("</PRODUCT_PRICE>", dollars, 1)
    for currency, amount in (("EUR", "10"), ("USD", "9")):
        rows, reader = read(document(product), currency=currency)
        assert reader.errors == []
        assert [str(row.amount) for row in rows] == [amount]


def test_a_product_with_prices_that_include_tax_alone_is_refused() -> None:
    rows, reader = read(document(priced(gros_list="11.90", nrp="15") + priced(net_list="10")))
    assert [str(row.amount) for row in rows] == ["10"]
    (error,) = reader.errors
    assert (error.line, error.column, error.code) == (1, "amount", "no_net_price")
    assert error.value == "K-6204 gros_list, nrp"


def test_every_wrong_product_is_named_by_its_number() -> None:
    bad = PRODUCT.replace("XBX", "BOX").replace("12.50", "12,50")
    rows, reader = read(document(PRODUCT + bad + PRODUCT))
    assert [row.line for row in rows] == [1, 1, 3, 3]
    assert {(e.line, e.column, e.value) for e in reader.errors} >= {
        (2, "unit", "BOX"),
        (2, "amount", "12,50"),
    }


BOMB = (
    "<!DOCTYPE BMECAT [<!ENTITY a '" + "x" * 50 + "'>"
    + "".join(f"<!ENTITY {b} '{f'&{a};' * 10}'>" for a, b in pairwise("abcdefghi"))
    + "]>"
)  # fmt: skip
OUTSIDE = '<!DOCTYPE BMECAT [<!ENTITY a SYSTEM "file:///etc/passwd">]>'
PARAMETER = '<!DOCTYPE BMECAT [<!ENTITY % a SYSTEM "http://127.0.0.1:1/x.dtd"> %a;]>'


@pytest.mark.parametrize("prolog", [BOMB, OUTSIDE, PARAMETER])
@pytest.mark.parametrize("chunk", [11, 100_000])
def test_a_document_that_declares_entities_is_refused_at_once(prolog: str, chunk: int) -> None:
    began = time.process_time()
    data = document().decode().replace("?>", f"?>{prolog}", 1).replace("Acme", "&a;").encode()
    rows, reader = read(data, chunk=chunk)
    assert rows == []
    assert reader.broken
    assert {e.code for e in reader.errors} == {"entities_refused"}
    assert time.process_time() - began < 5


def test_a_document_type_by_itself_is_harmless() -> None:
    data = document().decode().replace("?>", '?><!DOCTYPE BMECAT SYSTEM "bmecat.dtd">', 1)
    rows, reader = read(data.encode())
    assert (len(rows), reader.errors) == (2, [])


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ("<A>" * 100 + "</A>" * 100, "too_deep"),
        ("<A>" * 5_000 + "</A>" * 5_000, "broken"),
        ("<PRODUCT>" + "<A/>" * 30_000 + "</PRODUCT>", "row_too_long"),
        ("<PRODUCT><A>", "broken"),
        ("<PRODUCT>&unknown;</PRODUCT>", "broken"),
    ],
)
def test_what_no_catalog_is_is_refused(body: str, code: str) -> None:
    _, reader = read(document(body))
    assert reader.broken
    assert code in {e.code for e in reader.errors}


@pytest.mark.parametrize("data", [b"<html></html>", b"<BMECAT><T_OTHER/></BMECAT>", b"<BMECAT/>"])
def test_other_xml_is_refused_with_words(data: bytes) -> None:
    _, reader = read(data)
    assert {e.code for e in reader.errors} == {"wrong_format"}


def test_what_was_read_goes_so_memory_holds_one_product() -> None:
    reader = BmecatReader(OFFERS, errors_max=10)
    for piece in (document().split(b"<PRODUCT")[0], *[PRODUCT.encode()] * 300):
        reader.feed(piece)
    root = reader._root
    assert sum(1 for _ in root.iter()) < 120
    assert reader.row_count == 300


RICH = PRODUCT.replace(
    "</PRODUCT_DETAILS>",
    """<KEYWORD lang="deu">Wälzlager</KEYWORD></PRODUCT_DETAILS>
 <PRODUCT_FEATURES><REFERENCE_FEATURE_SYSTEM_NAME>ECLASS-8.0</REFERENCE_FEATURE_SYSTEM_NAME>
  <REFERENCE_FEATURE_GROUP_ID>23050801</REFERENCE_FEATURE_GROUP_ID>
  <FEATURE><FNAME>Bore</FNAME><FVALUE>2</FVALUE><FUNIT>CMT</FUNIT></FEATURE></PRODUCT_FEATURES>""",
).replace(
    "</PRODUCT>",
    """<MIME_INFO><MIME><MIME_TYPE>image/jpeg</MIME_TYPE><MIME_SOURCE>6204.jpg</MIME_SOURCE>
  <MIME_DESCR>Front</MIME_DESCR><MIME_PURPOSE>normal</MIME_PURPOSE></MIME>
  <MIME><MIME_SOURCE>ftp://x.example.com/a.pdf</MIME_SOURCE></MIME>
  <MIME><MIME_SOURCE>https://[broken/a.pdf</MIME_SOURCE></MIME></MIME_INFO></PRODUCT>""",
)


def test_a_product_tells_texts_classes_values_and_media() -> None:
    data = document(RICH).replace(
        b"<CURRENCY>", b"<MIME_ROOT>https://m.example.com/p/</MIME_ROOT><CURRENCY>"
    )
    (record,), reader = read(data, PRODUCTS)
    assert reader.errors == []
    told = record.told
    assert (record.sku, told.gtin, told.maker_number) == ("K-6204", "04006381333931", "6204-2RS")
    # How he words his offer is no reason to change what a product is called in no language.
    assert (told.name, record.new["name"]) == (None, "Rillenkugellager 6204 für Öl")
    assert [(t.language, t.name, t.description, t.keywords) for t in told.texts] == [
        ("de", "Rillenkugellager 6204 für Öl", "Beidseitig <abgedichtet>", ["Wälzlager"])
    ]
    assert [(c.scheme, c.version, c.code) for c in told.codes] == [("eclass", "8.0", "23050801")]
    assert [(v.code, v.value, v.unit) for v in told.attributes] == [("Bore", "2", "CMT")]
    assert [(m.kind, m.url, m.title) for m in told.media or ()] == [
        ("image", "https://m.example.com/p/6204.jpg", "Front")
    ]
    gone, _ = read(document(RICH.replace('mode="new"', 'mode="delete"')), PRODUCTS)
    assert gone == []
