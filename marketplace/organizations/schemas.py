"""Organizations on the wire."""

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

import msgspec
from msgspec import UNSET, Meta, UnsetType

from marketplace.kernel.limits import KEY_ADDRESSES_MAX, MEMBERSHIPS_MAX
from marketplace.platform.http.schemas import (
    Code,
    CountryText,
    Input,
    InstantIn,
    MoneyInput,
    MoneyView,
    Name,
    NamedReference,
    Output,
)

TaxIdText = Annotated[
    str,
    Meta(
        min_length=1,
        max_length=40,
        description="VAT number, or the number companies have in their country.",
        examples=["DE136695976"],
    ),
]
EmailText = Annotated[str, Meta(max_length=254, examples=["anna@example.com"])]
RoleText = Annotated[
    str,
    Meta(
        max_length=20,
        description="administrator, purchaser, approver, seller, viewer, importer or operator.",
        examples=["purchaser"],
    ),
]
MemberKind = Literal["person", "machine"]


# Companies and units


class AdministratorInput(Input):
    """The first administrator of a company."""

    name: Name
    email: EmailText


class OrganizationInput(Input):
    """A company that comes to the marketplace."""

    name: Name
    country: CountryText
    administrator: AdministratorInput
    tax_id: TaxIdText | None = None
    buyer: bool = False
    supplier: bool = False
    imports_history: Annotated[
        bool, Meta(description="Whether it may give members the role importer, for old orders.")
    ] = False


class OrganizationChange(Input):
    """What to change of a company or unit; what is left out stays.

    `imports_history` is for the operator; when it ends, the role importer gives nothing any more.
    """

    name: Name | UnsetType = UNSET
    parent_id: UUID | UnsetType = UNSET
    active: bool | UnsetType = UNSET
    imports_history: bool | UnsetType = UNSET


class UnitInput(Input):
    """A unit under the company or unit of the address."""

    name: Name


class OrganizationView(Output):
    """A company or unit as its own members and the operator see it; a unit has a parent."""

    id: UUID
    company_id: UUID
    parent_id: UUID | None
    name: str
    buyer: bool
    supplier: bool
    imports_history: bool
    country: str | None
    tax_id: str | None
    active: bool
    version: int
    created_at: datetime
    updated_at: datetime


class DirectoryView(Output):
    """A supplier as every other company sees it."""

    id: UUID
    name: str
    country: str | None
    version: int


# Members


class MembershipInput(Input):
    """Roles in a unit (the one of the address where left out), and whether they hold below it."""

    roles: Annotated[list[RoleText], Meta(min_length=1, max_length=10)]
    unit_id: UUID | None = None
    includes_subunits: bool = True


Memberships = Annotated[list[MembershipInput], Meta(min_length=1, max_length=MEMBERSHIPS_MAX)]


class MemberInput(Input):
    """A person or a machine; acts for the first of the units unless told otherwise."""

    name: Name
    memberships: Memberships
    email: EmailText | None = None
    kind: MemberKind = "person"
    order_limit: MoneyInput | None = None


class MemberChange(Input):
    """What to change of a member; what is left out stays, `order_limit: null` removes it."""

    name: Name | UnsetType = UNSET
    email: EmailText | UnsetType | None = UNSET
    memberships: Memberships | UnsetType = UNSET
    order_limit: MoneyInput | UnsetType | None = UNSET
    active: bool | UnsetType = UNSET


class MembershipView(Output):
    """A member's roles in a unit."""

    unit_id: UUID
    roles: list[str]
    includes_subunits: bool


class MemberView(Output):
    """A member as his company sees him; `order_limit` null means none is set."""

    id: UUID
    company_id: UUID
    kind: MemberKind
    name: str
    email: str | None
    memberships: list[MembershipView]
    order_limit: MoneyView | None
    active: bool
    version: int
    created_at: datetime
    updated_at: datetime


# Keys and sessions


class ApiKeyInput(Input):
    """A key for a member; `scopes` null carries all that his roles give, now and later."""

    member_id: UUID
    name: Name
    scopes: Annotated[list[Code], Meta(max_length=100)] | None = None
    allowed_addresses: (
        Annotated[
            list[Annotated[str, Meta(max_length=50, examples=["192.0.2.0/24"])]],
            Meta(min_length=1, max_length=KEY_ADDRESSES_MAX),
        ]
        | None
    ) = None
    expires_at: InstantIn | None = None


class ApiKeyView(Output):
    """A key without its secret."""

    id: UUID
    member_id: UUID
    name: str
    scopes: list[str] | None
    allowed_addresses: list[str] | None
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None


class NewApiKeyView(ApiKeyView):
    """A new key: `key` is shown this once; it is null where the request is answered again."""

    key: str | None


class RegisteredView(Output):
    """A company that was registered, its first administrator, and his key."""

    organization: OrganizationView
    administrator: MemberView
    api_key: NewApiKeyView

    @property
    def version(self) -> int:
        """The company's version."""
        return self.organization.version


class SessionView(Output):
    """A session; its secret is in the cookie alone."""

    id: UUID
    unit_id: UUID
    expires_at: datetime


class MeView(Output):
    """Who the credentials make of you."""

    member: MemberView
    company: NamedReference
    unit: NamedReference
    roles: list[str]
    scopes: list[str]


def without_secret(view: NewApiKeyView) -> NewApiKeyView:
    """Give what may be stored and shown again."""
    return msgspec.structs.replace(view, key=None)
