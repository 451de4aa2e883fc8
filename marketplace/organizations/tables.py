"""Companies, units, members, keys and sessions."""

from datetime import datetime
from decimal import Decimal
from uuid import UUID

from sqlalchemy import (
    CheckConstraint,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    LargeBinary,
    Numeric,
    PrimaryKeyConstraint,
    UniqueConstraint,
    false,
    func,
    text,
    true,
)
from sqlalchemy.orm import Mapped, mapped_column

from marketplace.platform.columns import Base, Id, Instant


class OrganizationRow(Base):
    """A company or a unit inside one; the company is the root, and its own `company_id`."""

    __tablename__ = "organizations"
    id: Mapped[Id]
    company_id: Mapped[UUID]
    parent_id: Mapped[UUID | None]
    name: Mapped[str]
    buyer: Mapped[bool] = mapped_column(server_default=false())
    supplier: Mapped[bool] = mapped_column(server_default=false())
    imports_history: Mapped[bool] = mapped_column(server_default=false())
    country: Mapped[str | None]
    tax_id: Mapped[str | None]
    active: Mapped[bool] = mapped_column(server_default=true())
    version: Mapped[int] = mapped_column(server_default=text("1"))
    created_at: Mapped[Instant] = mapped_column(server_default=func.clock())
    updated_at: Mapped[Instant] = mapped_column(server_default=func.clock())
    __table_args__ = (
        UniqueConstraint("company_id", "id", name="uq_organizations_company_id_id"),
        # A parent is of the same company; nothing can hang between two.
        ForeignKeyConstraint(
            ["company_id", "parent_id"],
            ["organizations.company_id", "organizations.id"],
            name="fk_organizations_parent",
        ),
        CheckConstraint("(parent_id is null) = (id = company_id)", name="company_is_root"),
        CheckConstraint("parent_id is null or not (buyer or supplier)", name="sides_of_companies"),
        Index("ix_organizations_parent_id", "company_id", "parent_id"),
        Index("ix_organizations_suppliers", "id", postgresql_where=text("supplier")),
        Index(
            "uq_organizations_tax_id",
            "country",
            "tax_id",
            unique=True,
            postgresql_where=text("tax_id is not null and parent_id is null"),
        ),
    )


class OperatorRow(Base):
    """A company that runs the marketplace; row security asks this table (`app_is_operator()`)."""

    __tablename__ = "operators"
    organization_id: Mapped[UUID] = mapped_column(ForeignKey("organizations.id"), primary_key=True)


class MemberRow(Base):
    """A person's or a machine's place in a company. No personal data: see `PersonalDataRow`."""

    __tablename__ = "members"
    id: Mapped[Id]
    company_id: Mapped[UUID] = mapped_column(ForeignKey("organizations.id"))
    kind: Mapped[str]
    order_limit: Mapped[Decimal | None] = mapped_column(Numeric(24, 6))
    order_limit_currency: Mapped[str | None]
    active: Mapped[bool] = mapped_column(server_default=true())
    version: Mapped[int] = mapped_column(server_default=text("1"))
    created_at: Mapped[Instant] = mapped_column(server_default=func.clock())
    updated_at: Mapped[Instant] = mapped_column(server_default=func.clock())
    __table_args__ = (
        UniqueConstraint("company_id", "id", name="uq_members_company_id_id"),
        CheckConstraint("kind in ('person', 'machine')", name="kind"),
        CheckConstraint(
            "(order_limit is null) = (order_limit_currency is null)", name="order_limit"
        ),
    )


class PersonalDataRow(Base):
    """All that names a member, in one place, so that it can be exported and erased."""

    __tablename__ = "personal_data"
    member_id: Mapped[UUID] = mapped_column(primary_key=True)
    company_id: Mapped[UUID]
    name: Mapped[str]
    email: Mapped[str | None]
    __table_args__ = (
        ForeignKeyConstraint(
            ["company_id", "member_id"],
            ["members.company_id", "members.id"],
            name="fk_personal_data_member",
        ),
        Index("uq_personal_data_email", "company_id", text("lower(email)"), unique=True),
    )


class MembershipRow(Base):
    """A member's roles in one unit; `place` 0 is the unit he acts for unless he says otherwise."""

    __tablename__ = "memberships"
    member_id: Mapped[UUID]
    unit_id: Mapped[UUID]
    company_id: Mapped[UUID]
    place: Mapped[int]
    roles: Mapped[list[str]]
    includes_subunits: Mapped[bool]
    __table_args__ = (
        PrimaryKeyConstraint("member_id", "unit_id", name="pk_memberships"),
        ForeignKeyConstraint(
            ["company_id", "member_id"],
            ["members.company_id", "members.id"],
            name="fk_memberships_member",
        ),
        ForeignKeyConstraint(
            ["company_id", "unit_id"],
            ["organizations.company_id", "organizations.id"],
            name="fk_memberships_unit",
        ),
        UniqueConstraint("member_id", "place", name="uq_memberships_place"),
        Index("ix_memberships_unit_id", "company_id", "unit_id"),
    )


class ApiKeyRow(Base):
    """A key, as the HMAC of its text; null `scopes` are all of the member's."""

    __tablename__ = "api_keys"
    id: Mapped[Id]
    company_id: Mapped[UUID]
    member_id: Mapped[UUID]
    name: Mapped[str]
    fingerprint: Mapped[bytes] = mapped_column(LargeBinary)
    scopes: Mapped[list[str] | None]
    allowed_addresses: Mapped[list[str] | None]
    created_at: Mapped[Instant] = mapped_column(server_default=func.clock())
    expires_at: Mapped[datetime | None]
    revoked_at: Mapped[datetime | None]
    __table_args__ = (
        ForeignKeyConstraint(
            ["company_id", "member_id"],
            ["members.company_id", "members.id"],
            name="fk_api_keys_member",
        ),
        UniqueConstraint("company_id", "id", name="uq_api_keys_company_id_id"),
        Index("ix_api_keys_member_id", "company_id", "member_id"),
    )


class SessionRow(Base):
    """A browser's session, made from a key and no longer than it; acts for one unit."""

    __tablename__ = "sessions"
    id: Mapped[Id]
    company_id: Mapped[UUID]
    key_id: Mapped[UUID]
    unit_id: Mapped[UUID]
    fingerprint: Mapped[bytes] = mapped_column(LargeBinary)
    created_at: Mapped[Instant] = mapped_column(server_default=func.clock())
    expires_at: Mapped[Instant]
    revoked_at: Mapped[datetime | None]
    __table_args__ = (
        ForeignKeyConstraint(
            ["company_id", "key_id"],
            ["api_keys.company_id", "api_keys.id"],
            name="fk_sessions_key",
        ),
        ForeignKeyConstraint(
            ["company_id", "unit_id"],
            ["organizations.company_id", "organizations.id"],
            name="fk_sessions_unit",
        ),
        Index("ix_sessions_key_id", "company_id", "key_id"),
        Index("ix_sessions_expires_at", "expires_at"),
    )
