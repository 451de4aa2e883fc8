"""What contracts tell packages above them. A Feature supplies the implementation."""

from datetime import datetime
from typing import Protocol
from uuid import UUID

from marketplace.platform.database import Transaction


class SignedContracts(Protocol):
    """Who has to act in the very transaction in which a contract gets its second signature."""

    async def in_force(self, tx: Transaction, contract_id: UUID, at: datetime) -> None:
        """Take note that a contract is in force from `at` on; joins either party's transaction."""
        ...
