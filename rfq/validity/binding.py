"""How long a bidder agreed to bind beyond what his bid says, as an expression of statements."""

from typing import Any

from sqlalchemy import func, select

from marketplace.platform.columns import another
from rfq.rules.validity import ExtensionStatus
from rfq.validity.tables import BidExtensionRow


def extended_until(bid_id: Any) -> Any:
    """Give the latest end that was agreed to for the bid in the column `bid_id`; null of none."""
    agreed = another(BidExtensionRow)
    return (
        select(func.max(agreed.until))
        .where(agreed.bid_id == bid_id, agreed.status == ExtensionStatus.EXTENDED.value)
        .scalar_subquery()
    )
