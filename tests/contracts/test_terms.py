"""Terms that contradict themselves are refused; an order copies what is agreed."""

from datetime import date

import msgspec
import pytest

from marketplace.contracts.reading import read_contract
from marketplace.contracts.terms import Address, Freight, Incoterm, LineTerms, terms_errors
from marketplace.kernel.errors import InvalidInput
from marketplace.kernel.taxes import TaxCategory
from marketplace.orders.fulfilment import read_supplier_order
from tests.orders.trade import Trade

DOCK = Address(name="Dock 4", street=["Hafenstr. 1"], city="Hamburg", country="DE")
TERMS = LineTerms(
    ship_to=DOCK,
    requested_on=date(2026, 12, 24),
    incoterm=Incoterm.DAP,
    delivery_place="Hamburg",
    payment_days=30,
    freight=Freight.INCLUDED,
    tax_category=TaxCategory.REVERSE_CHARGE,
)


def codes(terms: LineTerms) -> list[tuple[str, str]]:
    return [(error.pointer, error.code) for error in terms_errors(terms, "/terms")]


def test_an_incoterm_names_its_place() -> None:
    assert codes(TERMS) == []
    nowhere = msgspec.structs.replace(TERMS, delivery_place=" ")
    assert codes(nowhere) == [("/terms/delivery_place", "place_missing")]


@pytest.mark.parametrize("incoterm", Incoterm)
def test_freight_is_paid_by_whom_the_incoterm_says(incoterm: Incoterm) -> None:
    fitting = {
        freight
        for freight in Freight
        if codes(msgspec.structs.replace(TERMS, incoterm=incoterm, freight=freight)) == []
    }
    buyer_carries = incoterm.value in {"EXW", "FCA", "FAS", "FOB"}
    refused = Freight.INCLUDED if buyer_carries else Freight.COLLECT
    assert fitting == set(Freight) - {refused}


async def test_a_contract_on_contradicting_terms_is_not_concluded(trade: Trade) -> None:
    collect = msgspec.structs.replace(TERMS, freight=Freight.COLLECT)
    with pytest.raises(InvalidInput) as refused:
        await trade.agree(trade.bolts, "1", "T-1", terms=collect)
    assert refused.value.errors[0].pointer == "/prices/0/terms/freight"


async def test_an_order_is_delivered_on_the_terms_of_the_contract_that_prices_it(
    trade: Trade,
) -> None:
    contract_id = await trade.agree(trade.bolts, "1", "T-1", terms=TERMS)
    contract = await read_contract(trade.platform, trade.bolts.caller, contract_id)
    assert contract.prices[0].terms == TERMS
    placed = await trade.submit(trade.line(trade.bolts, sku="T-1"), trade.line(trade.bolts))
    assert [line.agreed_terms for line in placed.lines] == [TERMS, msgspec.UNSET]
    assert [line.tax_category for line in placed.lines] == ["AE", "S"]
    part = await read_supplier_order(
        trade.platform, trade.bolts.caller, placed.supplier_orders[0].id
    )
    assert [line.agreed_terms for line in part.lines] == [TERMS, msgspec.UNSET]
