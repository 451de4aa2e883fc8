"""A company's units as loaded from the database."""

from collections.abc import Mapping
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import Row, exists, select

from marketplace.kernel.errors import NotFound
from marketplace.organizations.rules import Parents, Sides, path_to_company
from marketplace.organizations.tables import OperatorRow, OrganizationRow
from marketplace.platform.caller import Caller
from marketplace.platform.database import Transaction


@dataclass(frozen=True, slots=True)
class Tree:
    """The units of one company, each with its parent, and which are active."""

    parents: Parents
    active: Mapping[UUID, bool]

    def below(self, unit_id: UUID) -> list[UUID]:
        """List the units below one, itself left out."""
        return [
            unit
            for unit in self.parents
            if unit != unit_id and unit_id in path_to_company(unit, self.parents)
        ]

    def active_below(self, unit_id: UUID) -> int:
        """Count the active units below one."""
        return sum(self.active[unit] for unit in self.below(unit_id))


async def load_tree(tx: Transaction, company_id: UUID) -> Tree:
    """Load a company's units; lock the company first where the tree is to change."""
    rows = await tx.all(
        select(OrganizationRow.id, OrganizationRow.parent_id, OrganizationRow.active).where(
            OrganizationRow.company_id == company_id
        )
    )
    return Tree({row.id: row.parent_id for row in rows}, {row.id: row.active for row in rows})


async def present_path(tx: Transaction, company_id: UUID, unit_id: UUID) -> tuple[UUID, ...]:
    """Give a unit and its ancestors up to the company, as the tree is now.

    What waited since the unit stood elsewhere goes by where it stands when it is decided.
    """
    tree = await load_tree(tx, company_id)
    return tuple(path_to_company(unit_id, tree.parents))


async def find_unit(tx: Transaction, caller: Caller, unit_id: UUID) -> None:
    """Raise NotFound unless this is the caller's company or a unit of it."""
    found = await tx.scalar(
        select(OrganizationRow.id).where(
            OrganizationRow.id == unit_id, OrganizationRow.company_id == caller.organization_id
        )
    )
    if found is None:
        raise NotFound("There is no such organization.")


async def find_company(tx: Transaction, company_id: UUID, *, for_update: bool = False) -> Sides:
    """Give the sides of a company; `for_update` lets one change its tree or members at a time."""
    operator = exists().where(OperatorRow.organization_id == company_id)
    statement = select(
        OrganizationRow.buyer,
        OrganizationRow.supplier,
        OrganizationRow.imports_history,
        operator.label("operator"),
    ).where(OrganizationRow.id == company_id)
    if for_update:
        statement = statement.with_for_update(of=OrganizationRow)
    row: Row[tuple[bool, bool, bool, bool]] = await tx.one(statement)
    return Sides(row.buyer, row.supplier, row.operator, row.imports_history)
