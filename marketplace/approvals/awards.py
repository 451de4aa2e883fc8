"""Above which amount a company's awards wait: one threshold, however a bid was won."""

from uuid import UUID

from sqlalchemy import select

from marketplace.approvals.rules import Rule, award_rule
from marketplace.approvals.tables import AwardPolicyRow
from marketplace.kernel.money import Money
from marketplace.platform.database import Transaction


async def threshold_rule(tx: Transaction, organization_id: UUID) -> Rule | None:
    """Give the rule of the company's threshold as it is now; None where it has none."""
    policy = await tx.maybe(
        select(
            AwardPolicyRow.version, AwardPolicyRow.approval_above, AwardPolicyRow.currency
        ).where(
            AwardPolicyRow.organization_id == organization_id,
            AwardPolicyRow.approval_above.is_not(None),
        )
    )
    if policy is None:
        return None
    return award_rule(Money(policy.approval_above, policy.currency), policy.version)
