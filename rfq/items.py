"""What auctions ask of the catalog: neither knows the other, and procedures know both."""

from uuid import UUID

from catalog.products.service import add_private_offer
from marketplace.platform.database import Transaction


class PrivateItems:
    """Names for awarded items that their buyer alone sees (`auctions.ports.AwardedItems`)."""

    async def add(
        self, tx: Transaction, supplier_id: UUID, buyer_id: UUID, description: str, unit: str
    ) -> str:
        """Let the supplier offer it to this buyer alone; give its SKU."""
        return await add_private_offer(tx, supplier_id, buyer_id, description, unit)
