"""What this package adds to the product."""

from typing import Final

from marketplace.approvals.ports import ApprovalSubjects
from marketplace.approvals.routes import ROUTES
from marketplace.platform.feature import Feature, Scope

FEATURE: Final = Feature(
    name="approvals",
    routes=ROUTES,
    scopes=(Scope("orders:approve", "Approve and reject orders", ("administrator", "approver")),),
    provides={ApprovalSubjects: lambda _platform: ApprovalSubjects()},
)
