"""What a process remembers of procedures, so that a bid need not read them line by line.

Whatever changes a procedure gives its row another version in the same transaction. So who has read
a row's version, in the caller's own transaction and under his row security, may take the value that
was made of it before; a value by another version is never given.
"""

from collections import OrderedDict
from uuid import UUID

from marketplace.kernel.limits import PROCEDURE_LINES_REMEMBERED_MAX
from rfq.procedures.reading import Loaded
from rfq.rules.procedure import Procedure


class KnownProcedures:
    """Procedures by id, each at one version; the longest unused are forgotten first.

    A procedure weighs what it has of lines, and is no secret of any bidder's or of the buyer's.
    """

    def __init__(self, lines_max: int = PROCEDURE_LINES_REMEMBERED_MAX) -> None:
        self._lines_max = lines_max
        self._lines = 0
        self._kept: OrderedDict[UUID, tuple[int, Procedure]] = OrderedDict()

    def at(self, procedure_id: UUID, version: int) -> Procedure | None:
        """Give the procedure as of this version of its row; None if that is not known."""
        kept = self._kept.get(procedure_id)
        if kept is None or kept[0] != version:
            return None
        self._kept.move_to_end(procedure_id)
        return kept[1]

    def keep(self, loaded: Loaded) -> Procedure:
        """Remember what was read, in the place of another version, and give it."""
        procedure = loaded.procedure
        self._forget(procedure.id)
        self._kept[procedure.id] = loaded.version, procedure
        self._lines += _weight(procedure)
        while self._lines > self._lines_max and len(self._kept) > 1:
            self._forget(next(iter(self._kept)))
        return procedure

    def _forget(self, procedure_id: UUID) -> None:
        kept = self._kept.pop(procedure_id, None)
        if kept is not None:
            self._lines -= _weight(kept[1])


def _weight(procedure: Procedure) -> int:
    return procedure.line_count() + len(procedure.offering.questionnaire) + 1
