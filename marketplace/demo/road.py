"""Who is on the demo's road, and what was made on it."""

from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from marketplace.demo.registration import DemoCompany
from marketplace.demo.story import Actor, Narrator, UnexpectedAnswer


@dataclass(slots=True)
class Road:
    """Who is on the road and what was made on it, as it goes on."""

    operator: Actor
    narrator: Narrator
    suffix: str = ""
    buyer: DemoCompany = field(default_factory=lambda: DemoCompany("", "", {}))
    suppliers: list[DemoCompany] = field(default_factory=list)
    procedure: dict[str, Any] = field(default_factory=dict)
    auction_id: str = ""
    award: dict[str, Any] = field(default_factory=dict)
    order: dict[str, Any] = field(default_factory=dict)
    supplier_order_id: str = ""
    invoice: dict[str, Any] = field(default_factory=dict)
    opening_totals: dict[str, Decimal] = field(default_factory=dict)
    final_totals: dict[str, Decimal] = field(default_factory=dict)

    def buyer_as(self, member: str) -> Actor:
        """Give a program of the buyer: administrator, purchaser, approver or erp."""
        return self.operator.with_key(f"{self.buyer.name} ({member})", self.buyer.keys[member])

    def supplier_as(self, number: int, member: str = "seller") -> Actor:
        """Give a program of a supplier: administrator, seller or erp."""
        supplier = self.suppliers[number]
        return self.operator.with_key(f"{supplier.name} ({member})", supplier.keys[member])

    @property
    def lot(self) -> dict[str, Any]:
        """The one lot of the procedure."""
        lot: dict[str, Any] = self.procedure["lots"][0]
        return lot

    @property
    def winner(self) -> int:
        """The number of the supplier who won."""
        ids = [supplier.organization_id for supplier in self.suppliers]
        return ids.index(self.award["supplier_id"])


def check(holds: bool, what: str) -> None:
    """Raise UnexpectedAnswer unless it holds."""
    if not holds:
        raise UnexpectedAnswer(what)
