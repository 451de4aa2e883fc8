"""What holds of companies, units, members and their rights; pure.

A company is a tree of units; the company itself is the root. A member belongs to one or more units,
with roles in each, which hold in the units below it too where the membership says so. Roles give
scopes; a key can narrow them and never widen them.
"""

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final
from uuid import UUID

from stdnum import get_cc_module
from stdnum.exceptions import ValidationError

from marketplace.kernel.errors import Conflict, NotPermitted, invalid
from marketplace.kernel.limits import UNIT_DEPTH_MAX, UNITS_MAX

Parents = Mapping[UUID, UUID | None]
"""The units of one company, each with its parent; the company's own is None."""


# The tree


def path_to_company(unit_id: UUID, parents: Parents) -> tuple[UUID, ...]:
    """Give the unit and its ancestors, up to the company.

    Raises KeyError for a unit that is not in the tree and ValueError for a tree with a cycle, which
    `check_move` lets nobody make.
    """
    path = [unit_id]
    while (parent := parents[path[-1]]) is not None:
        if parent in path:
            msg = f"unit {parent} is its own ancestor"
            raise ValueError(msg)
        path.append(parent)
    return tuple(path)


def height(unit_id: UUID, parents: Parents) -> int:
    """Count the levels from a unit down to the lowest below it, its own included."""
    paths = (path_to_company(unit, parents) for unit in parents)
    return max(path.index(unit_id) + 1 for path in paths if unit_id in path)


def check_new_unit(parent_id: UUID, parents: Parents) -> None:
    """Refuse a unit under `parent_id` that makes the tree too deep or too large.

    Raises InvalidInput at ``/parent_id`` if the parent is not of this company, Conflict for bounds.
    """
    _check_parent(parent_id, parents)
    if len(parents) >= UNITS_MAX:
        raise Conflict(f"This company has {len(parents)} units; more than {UNITS_MAX} are refused.")
    _check_depth(len(path_to_company(parent_id, parents)) + 1)


def check_move(unit_id: UUID, parent_id: UUID, parents: Parents) -> None:
    """Refuse to put a unit under `parent_id` if a cycle or too deep a tree would come of it.

    Raises InvalidInput at ``/parent_id``; Conflict for the company itself, which has no parent.
    """
    _check_parent(parent_id, parents)
    if parents[unit_id] is None:
        raise Conflict("A company is the root of its tree; it cannot be moved.")
    above = path_to_company(parent_id, parents)
    if unit_id in above:
        detail = "A unit cannot be moved under itself or under one of its own units."
        raise invalid("/parent_id", "cycle", detail)
    _check_depth(len(above) + height(unit_id, parents))


def _check_parent(parent_id: UUID, parents: Parents) -> None:
    if parent_id not in parents:
        raise invalid("/parent_id", "unknown_unit", "There is no such unit in this company.")


def _check_depth(depth: int) -> None:
    if depth > UNIT_DEPTH_MAX:
        detail = f"The tree would be {depth} levels deep; {UNIT_DEPTH_MAX} are allowed."
        raise invalid("/parent_id", "too_deep", detail)


# Members and their rights


class MemberRole(StrEnum):
    """What a member does in a unit."""

    ADMINISTRATOR = "administrator"
    PURCHASER = "purchaser"
    APPROVER = "approver"
    SELLER = "seller"
    VIEWER = "viewer"
    AUDITOR = "auditor"
    IMPORTER = "importer"
    OPERATOR = "operator"


@dataclass(frozen=True, slots=True)
class Sides:
    """On which sides a company stands, at least one; and whether it may bring in its history."""

    buyer: bool = False
    supplier: bool = False
    operator: bool = False
    imports_history: bool = False


_ROLES: Final = {role.value: role for role in MemberRole}
_SIDE_OF_ROLE: Final = {
    MemberRole.PURCHASER: "buyer",
    MemberRole.AUDITOR: "buyer",
    MemberRole.SELLER: "supplier",
    MemberRole.OPERATOR: "operator",
}
_EVERYWHERE: Final = frozenset({MemberRole.ADMINISTRATOR, MemberRole.VIEWER})
"""Roles that hold what anybody in their company may; they add no side to it."""
_HISTORY: Final = "The operator lets a company import its history; this one may not."


def check_sides(sides: Sides) -> None:
    """Refuse a company that neither buys nor sells nor operates; raises InvalidInput."""
    if not (sides.buyer or sides.supplier or sides.operator):
        raise invalid("/buyer", "no_side", "A company is a buyer, a supplier or both.")


def check_roles(roles: Iterable[str], sides: Sides, pointer: str) -> frozenset[MemberRole]:
    """Give the roles, or raise InvalidInput where one is unknown or not for such a company."""
    checked = set()
    for place, name in enumerate(roles):
        if name not in _ROLES:
            known = ", ".join(_ROLES)
            detail = f"{name!r} is no role; known are {known}."
            raise invalid(f"{pointer}/{place}", "unknown_role", detail)
        role = _ROLES[name]
        if role is MemberRole.IMPORTER and not sides.imports_history:
            raise invalid(f"{pointer}/{place}", "role_not_for_company", _HISTORY)
        side = _SIDE_OF_ROLE.get(role)
        if side is not None and not getattr(sides, side):
            detail = f"Only a company that is a {side} has members who are {role.value}."
            raise invalid(f"{pointer}/{place}", "role_not_for_company", detail)
        checked.add(role)
    if not checked:
        raise invalid(pointer, "no_role", "A member has at least one role in a unit.")
    return frozenset(checked)


def scopes_in(
    scopes: Iterable[str], holders: Mapping[str, frozenset[str]], sides: Sides
) -> frozenset[str]:
    """Keep the scopes that a company on these sides has any use for.

    An administrator may do all that somebody in his company could be appointed to do: in one that
    only buys there is no seller, so nothing there sells. `holders` are the roles of each scope.
    """
    return frozenset(
        scope
        for scope in scopes
        if not (doing := holders[scope] - _EVERYWHERE) or any(_is_on(role, sides) for role in doing)
    )


def _is_on(role: str, sides: Sides) -> bool:
    side = _SIDE_OF_ROLE.get(_ROLES[role])
    return side is None or bool(getattr(sides, side))


@dataclass(frozen=True, slots=True)
class Membership:
    """A member's roles in a unit, and whether they hold in the units below it."""

    unit_id: UUID
    roles: frozenset[MemberRole]
    includes_subunits: bool = True


def check_memberships(memberships: Sequence[Membership], parents: Parents) -> None:
    """Refuse memberships of no unit, of foreign units, or of one unit twice."""
    if not memberships:
        raise invalid("/memberships", "too_few", "A member belongs to at least one unit.")
    units = Counter(membership.unit_id for membership in memberships)
    for place, membership in enumerate(memberships):
        pointer = f"/memberships/{place}/unit_id"
        if membership.unit_id not in parents:
            raise invalid(pointer, "unknown_unit", "There is no such unit in this company.")
        if units[membership.unit_id] > 1:
            raise invalid(pointer, "unit_twice", "This unit stands in the list twice.")


def roles_in(path: Sequence[UUID], memberships: Iterable[Membership]) -> frozenset[MemberRole]:
    """Give a member's roles in the unit that `path` leads up from; none if he is not of it."""
    roles: frozenset[MemberRole] = frozenset()
    for membership in memberships:
        above = path if membership.includes_subunits else path[:1]
        if membership.unit_id in above:
            roles |= membership.roles
    return roles


def narrowed(given: frozenset[str], key_scopes: Iterable[str] | None) -> frozenset[str]:
    """Give what a key may do: the scopes its member's roles give that the key carries.

    A key without a list (None) carries all; a list never adds what the roles do not give.
    """
    return given if key_scopes is None else given.intersection(key_scopes)


def check_within(acting_unit: UUID, path: Sequence[UUID]) -> None:
    """Let somebody manage only his acting unit and what is below it; raises NotPermitted."""
    if acting_unit not in path:
        raise NotPermitted("Act for this unit or for one above it to change it.")


def check_administered(members: Mapping[UUID, Sequence[Membership]], company_id: UUID) -> None:
    """Refuse a company without an administrator; `members` are those active after the change.

    Nobody inside could make one again.
    """
    path = (company_id,)
    if not any(MemberRole.ADMINISTRATOR in roles_in(path, of) for of in members.values()):
        raise Conflict("This member is the company's last administrator; make another one first.")


def check_deactivation(units_below: int, members: int) -> None:
    """Refuse to close a unit that somebody still stands in; `units_below` and `members` are active.

    What is closed does not close anything else silently.
    """
    if units_below or members:
        raise Conflict(
            f"This unit has {units_below} active units below it and {members} active members of "
            "its own; move or deactivate them first."
        )


def acting_unit_refusal(path_active: Sequence[bool]) -> str | None:
    """Say why nobody can act for a unit, None where one can; `path_active` is the unit's first."""
    if not path_active[-1]:
        return "This company is suspended."
    return None if path_active[0] else "This unit is inactive."


# Names and numbers

COUNTRIES: Final = frozenset(
    (
        "AD AE AF AG AI AL AM AO AQ AR AS AT AU AW AX AZ BA BB BD BE BF BG BH BI BJ BL BM BN BO BQ "
        "BR BS BT BV BW BY BZ CA CC CD CF CG CH CI CK CL CM CN CO CR CU CV CW CX CY CZ DE DJ DK DM "
        "DO DZ EC EE EG EH ER ES ET FI FJ FK FM FO FR GA GB GD GE GF GG GH GI GL GM GN GP GQ GR GS "
        "GT GU GW GY HK HM HN HR HT HU ID IE IL IM IN IO IQ IR IS IT JE JM JO JP KE KG KH KI KM KN "
        "KP KR KW KY KZ LA LB LC LI LK LR LS LT LU LV LY MA MC MD ME MF MG MH MK ML MM MN MO MP MQ "
        "MR MS MT MU MV MW MX MY MZ NA NC NE NF NG NI NL NO NP NR NU NZ OM PA PE PF PG PH PK PL PM "
        "PN PR PS PT PW PY QA RE RO RS RU RW SA SB SC SD SE SG SH SI SJ SK SL SM SN SO SR SS ST SV "
        "SX SY SZ TC TD TF TG TH TJ TK TL TM TN TO TR TT TV TW TZ UA UG UM US UY UZ VA VC VE VG VI "
        "VN VU WF WS YE YT ZA ZM ZW"
    ).split()
)
"""ISO 3166-1, alpha-2."""

_TAX_NUMBER_OTHER_THAN_VAT: Final = {
    "LI": "peid",
    "MD": "idno",
    "UA": "edrpou",
    "US": "ein",
    "ZA": "tin",
}
_TAX_NUMBER_ELSEWHERE: Final = re.compile(r"[A-Z0-9]{4,20}")


def check_country(country: str, pointer: str = "/country") -> str:
    """Give the country back, or raise InvalidInput if ISO 3166-1 does not have it."""
    if country not in COUNTRIES:
        detail = f"{country!r} is not a country of ISO 3166-1; for example DE or US."
        raise invalid(pointer, "unknown_country", detail)
    return country


def checked_tax_id(country: str, number: str, pointer: str = "/tax_id") -> str:
    """Give a tax number in the compact form it is compared by, without the country's prefix.

    Form and check digits are those python-stdnum knows for the country (VAT number, elsewhere the
    number companies use there); where it knows none, 4 to 20 letters and digits are taken as they
    are. Raises InvalidInput.
    """
    module = get_cc_module(
        country.lower(), _TAX_NUMBER_OTHER_THAN_VAT.get(check_country(country), "vat")
    )
    if module is None:
        compact = re.sub(r"[\s./-]", "", number).upper()
        if _TAX_NUMBER_ELSEWHERE.fullmatch(compact):
            return compact
        detail = "A tax number has 4 to 20 letters and digits."
        raise invalid(pointer, "invalid_tax_id", detail)
    try:
        return str(module.validate(number))
    except ValidationError as error:
        detail = f"{number!r} is not a tax number of {country}: {error}"
        raise invalid(pointer, "invalid_tax_id", detail) from error


_EMAIL: Final = re.compile(r"[^\s@<>\"(),:;\[\]\\]{1,64}@(?=.{1,255}$)[^\s@.]+(\.[^\s@.]+)+")


def checked_email(email: str, pointer: str = "/email") -> str:
    """Give an address with its domain in lower case, or raise InvalidInput.

    Only a message that arrives proves an address; this keeps out what cannot be one.
    """
    if len(email) > 254 or not _EMAIL.fullmatch(email):  # noqa: PLR2004 - RFC 5321's path, less <>
        raise invalid(pointer, "invalid_email", f"{email!r} is not an e-mail address.")
    local, _, domain = email.rpartition("@")
    return f"{local}@{domain.lower()}"
