"""What auctions need from packages beside or above them. A Feature supplies the implementation."""

from typing import Protocol
from uuid import UUID

from marketplace.platform.database import Transaction


class AwardedItems(Protocol):
    """Gives what an auction was about a name under which it can be ordered."""

    async def add(
        self, tx: Transaction, supplier_id: UUID, buyer_id: UUID, description: str, unit: str
    ) -> str:
        """Let the supplier offer it to this buyer alone; give its SKU.

        Joins an open transaction of the buyer. Raises InvalidInput for an unknown unit.
        """
        ...
