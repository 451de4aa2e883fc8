"""Officers: where a procedure names some, two different ones approve before anything is opened.

An officer takes a code of his own before the publication and shows it with his approval after the
deadline. The key store has the codes' hashes and asks for two of them: a row edited in the
database, or a key of the API in wrong hands, opens nothing.
"""

import hashlib
import secrets
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from marketplace.kernel.errors import Conflict, FieldError, NotPermitted
from marketplace.kernel.limits import OFFICERS_MAX

APPROVALS_NEEDED: Final = 2
CODE_BYTES: Final = 16


@dataclass(frozen=True, slots=True)
class Approval:
    """That an officer approved an opening, and when by the key store's clock."""

    officer_id: UUID
    approved_at: datetime


def officer_errors(officer_ids: Sequence[UUID]) -> Iterable[FieldError]:
    """Say what is wrong with the officers of a draft; none are named, or two at least."""
    if not officer_ids:
        return
    if len(set(officer_ids)) != len(officer_ids):
        yield FieldError("/officer_ids", "twice", "An officer is named once.")
    if len(officer_ids) < APPROVALS_NEEDED:
        detail = f"Name {APPROVALS_NEEDED} officers at least, better one more: one may be away."
        yield FieldError("/officer_ids", "too_few", detail)
    if len(officer_ids) > OFFICERS_MAX:
        yield FieldError("/officer_ids", "too_many", f"At most {OFFICERS_MAX} officers.")


def check_officer(officer_ids: Collection[UUID], member_id: UUID) -> None:
    """Refuse whoever is no officer of the procedure; raises NotPermitted."""
    if member_id not in officer_ids:
        raise NotPermitted("Only the officers named in the procedure open it.")


def check_codes_taken(officer_ids: Collection[UUID], taken: Collection[UUID]) -> None:
    """Guard of `publish`: every officer has his code; raises Conflict.

    The key store learns the codes with the publication; an officer without one could not approve.
    """
    missing = sorted(set(officer_ids) - set(taken))
    if missing:
        raise Conflict(f"Officer {missing[0]} has not taken his code for the opening yet.")


def new_code(entropy: Callable[[int], bytes] = secrets.token_bytes) -> str:
    """Make an officer's code: as hard to guess as a key."""
    return entropy(CODE_BYTES).hex()


def code_hash(procedure_id: UUID, officer_id: UUID, code: str) -> bytes:
    """Give what is kept of a code; a random one needs no slow hash."""
    text = f"rfq.officer/1 {procedure_id} {officer_id} {code.strip().lower()}"
    return hashlib.sha256(text.encode()).digest()
