"""Prices from contracts alone, for an installation without a catalog."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import msgspec
from sqlalchemy import Row, select

from marketplace.contracts.commitments import lock_drawn
from marketplace.contracts.documents import read_terms, whole_provenance
from marketplace.contracts.reading import FRAMEWORK_ID
from marketplace.contracts.rules import (
    AtExhaustion,
    ContractState,
    Measure,
    Tier,
    covers,
    in_force,
    tier_reached,
)
from marketplace.contracts.tables import ContractPriceRow, ContractRow
from marketplace.kernel.canonical import plain_decimal
from marketplace.kernel.clock import Validity
from marketplace.kernel.money import line_amount
from marketplace.orders.ports import NoPriceQuote, PriceQuote, PriceRequest, PriceSource
from marketplace.orders.schemas import CallOffView, PriceDetailView, PriceDrawView
from marketplace.platform.database import Transaction


class ContractPrices:
    """Implements `Prices` with one query, whatever the number of lines."""

    async def quote(
        self,
        tx: Transaction,
        buyer_path: tuple[UUID, ...],
        lines: Sequence[PriceRequest],
        at: datetime,
    ) -> list[PriceQuote | NoPriceQuote]:
        """Answer each line from the contracts in force at `at`."""
        rows = await tx.all(
            select(
                ContractPriceRow.id,
                ContractPriceRow.commitment,
                ContractPriceRow.level,
                ContractPriceRow.terms,
                ContractPriceRow.contract_id,
                ContractPriceRow.contract_version,
                ContractPriceRow.supplier_id,
                ContractPriceRow.unit_ids,
                ContractPriceRow.sku,
                ContractPriceRow.description,
                ContractPriceRow.unit,
                ContractPriceRow.currency,
                ContractPriceRow.basis,
                ContractPriceRow.tiers,
                ContractPriceRow.valid_from,
                ContractPriceRow.valid_until,
                ContractPriceRow.state,
                ContractRow.provenance,
                ContractRow.concluded_at,
                ContractRow.content_hash,
                FRAMEWORK_ID.label("framework_id"),
            )
            .join(ContractRow, ContractRow.id == ContractPriceRow.contract_id)
            .where(
                ContractPriceRow.buyer_id == buyer_path[-1],
                ContractPriceRow.supplier_id.in_({line.supplier_id for line in lines}),
                ContractPriceRow.sku.in_({line.sku for line in lines}),
            )
            .order_by(ContractPriceRow.level.desc(), ContractPriceRow.priority.desc())
        )
        by_offer = defaultdict(list)
        for row in rows:
            term = Validity(row.valid_from, row.valid_until)
            if covers(row.unit_ids, buyer_path) and in_force(ContractState(row.state), term, at):
                by_offer[row.supplier_id, row.sku].append(row)
        frameworks = {row.contract_id: row.framework_id for row in rows if row.framework_id}
        limited = {row.id for rows in by_offer.values() for row in rows if row.commitment}
        drawn = await lock_drawn(tx, limited) if limited else {}
        return [
            _called_off(
                line, _answer(line, by_offer[line.supplier_id, line.sku], drawn), frameworks
            )
            for line in lines
        ]


def _called_off(
    line: PriceRequest, answer: PriceQuote | NoPriceQuote, frameworks: Mapping[UUID, UUID]
) -> PriceQuote | NoPriceQuote:
    """Give the answer with what it calls off, where its contract is under a framework."""
    if isinstance(answer, NoPriceQuote) or answer.source.id not in frameworks:
        return answer
    amount = plain_decimal(answer.line_amount.amount)
    called = CallOffView(frameworks[answer.source.id], amount, plain_decimal(line.quantity))
    return replace(
        answer, detail=msgspec.structs.replace(answer.detail or PriceDetailView(), call_off=called)
    )


def _answer(
    line: PriceRequest, rows: Sequence[Row[Any]], drawn: dict[UUID, Decimal]
) -> PriceQuote | NoPriceQuote:
    if not rows:
        return NoPriceQuote("unknown_sku", "sku", f"No contract in force prices {line.sku!r}.")
    in_unit = [row for row in rows if row.unit == line.unit]
    if not in_unit:
        units = ", ".join(sorted({row.unit for row in rows}))
        return NoPriceQuote("wrong_unit", "unit", f"{line.sku!r} is priced per {units}.")
    in_currency = [row for row in in_unit if row.currency == line.currency]
    if not in_currency:
        return NoPriceQuote(
            "wrong_currency", "sku", f"{line.sku!r} has no price in {line.currency}."
        )
    for row in in_currency:
        answer = _of_row(line, row)
        if row.commitment is None or isinstance(answer, NoPriceQuote):
            return answer
        wanted = line.quantity
        if row.commitment["measure"] == Measure.VALUE.value:
            wanted = answer.line_amount.amount
        if drawn[row.id] + wanted <= Decimal(row.commitment["cap"]):
            drawn[row.id] += wanted
            draw = PriceDrawView(row.id, row.commitment["measure"], plain_decimal(wanted))
            return replace(answer, detail=PriceDetailView(draws=[draw]))
        if row.commitment["at_exhaustion"] != AtExhaustion.NEXT_PRICE.value:
            break  # to split a line takes the catalog's resolution
    detail = f"Less is left of the quantity of {line.sku!r} agreed than this line asks."
    return NoPriceQuote("commitment_exhausted", "quantity", detail)


def _of_row(line: PriceRequest, row: Row[Any]) -> PriceQuote | NoPriceQuote:
    tiers = [Tier(Decimal(tier["minimum_quantity"]), Decimal(tier["amount"])) for tier in row.tiers]
    tier = tier_reached(tiers, line.quantity)
    if tier is None:
        least = tiers[0].minimum_quantity
        return NoPriceQuote(
            "below_minimum_quantity", "quantity", f"The least quantity of {line.sku!r} is {least}."
        )
    return PriceQuote(
        amount=tier.amount,
        basis=row.basis,
        tier_minimum=tier.minimum_quantity,
        level=row.level,
        source=PriceSource("contract", row.contract_id, row.contract_version),
        line_amount=line_amount(line.quantity, tier.amount, row.basis, line.currency),
        description=row.description,
        provenance=whole_provenance(
            row.contract_id, row.provenance, row.concluded_at, row.content_hash
        ),
        terms=None if row.terms is None else read_terms(row.terms),
    )
