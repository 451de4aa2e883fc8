"""Progress: where a procedure stands once its bids are open, judged, or its lots decided."""

from collections.abc import Sequence

from marketplace.kernel.errors import WrongState
from rfq.rules.criteria import Aggregation
from rfq.rules.procedure import (
    PROCEDURE,
    SETTLED_LOT,
    Action,
    Kind,
    LotStatus,
    Party,
    Procedure,
    Status,
    moved,
)


def status_after_opening(procedure: Procedure, lots: Sequence[LotStatus]) -> Status:
    """Give the status once bids are open and their lots moved: what has to be judged comes first.

    Of a procedure whose lots all failed nothing is judged; one without lots has all it asked for.
    """
    if procedure.kind is Kind.RFI:
        return moved(Status.OPENED, Action.COMPLETE, Party.CLOCK)
    status = status_after_lots(Status.OPENED, lots)
    if status is not Status.OPENED:
        return status
    if procedure.requirements:
        return moved(status, Action.BEGIN_QUALIFICATION, Party.CLOCK)
    if procedure.judging.needs_panel:
        return moved(status, Action.BEGIN_EVALUATION, Party.CLOCK)
    return status


def status_after_qualification(procedure: Procedure) -> Status:
    """Give the status once all bidders are decided on: to the panel, or to the prices."""
    panel = procedure.judging.needs_panel
    action = Action.BEGIN_EVALUATION if panel else _end_of_judging(procedure)
    return moved(procedure.status, action, Party.BUYER)


def _end_of_judging(procedure: Procedure) -> Action:
    return Action.LOCK if procedure.two_envelopes else Action.END_EVALUATION


def status_after_scores(procedure: Procedure) -> Status:
    """Give the status once all evaluators have handed in, or have agreed."""
    alone = procedure.status is Status.EVALUATION
    consensus = procedure.judging.aggregation is Aggregation.CONSENSUS
    action = Action.SEEK_CONSENSUS if alone and consensus else _end_of_judging(procedure)
    if procedure.status is Status.QUALIFICATION:
        raise WrongState("Bidders are being qualified; end that first.", state="qualification")
    return moved(procedure.status, action, Party.BUYER)


def status_after_prices(procedure: Procedure, lots: Sequence[LotStatus]) -> Status:
    """Give the status once the financial envelopes of who passed are open."""
    return status_after_lots(moved(procedure.status, Action.OPEN_PRICES, Party.CLOCK), lots)


def status_after_lots(status: Status, lots: Sequence[LotStatus]) -> Status:
    """Give the procedure's status once lots were settled: the last one settles the procedure.

    Awarded if any lot was; unsuccessful if none was; while one is undecided, or is so again, open.
    """
    if any(lot not in SETTLED_LOT for lot in lots):
        reopened = PROCEDURE.allows(status, Action.REOPEN)
        return PROCEDURE.after(status, Action.REOPEN) if reopened else status
    awarded = LotStatus.AWARDED in lots
    return PROCEDURE.after(status, Action.AWARD if awarded else Action.END_WITHOUT_AWARD)
