"""Publication: terms that fit each other, time that is left to answer them, and who is asked to."""

from collections.abc import Iterator
from datetime import datetime

from marketplace.contracts.terms import terms_errors
from marketplace.kernel.errors import Conflict, FieldError, InvalidInput, WrongState, invalid
from marketplace.kernel.limits import LINES_MAX
from marketplace.kernel.money import currency_digits
from marketplace.kernel.units import Quantity
from rfq.rules.awarding import Division, errors_of
from rfq.rules.criteria import Method, judging_errors
from rfq.rules.currencies import currency_errors
from rfq.rules.offering import offering_errors
from rfq.rules.officers import officer_errors
from rfq.rules.procedure import Kind, Lot, LowOfferRule, Openness, Procedure, Status
from rfq.rules.qualification import requirement_errors


def check_terms(procedure: Procedure) -> None:
    """Refuse terms that could not be published; raises InvalidInput with every pointer at once."""
    currency_digits(procedure.currency)
    errors: list[FieldError] = [*currency_errors(procedure)]
    if procedure.minimum_bids < 1:
        errors.append(
            FieldError("/minimum_bids", "not_positive", "At least one bid is needed to award.")
        )
    errors += _asked_errors(procedure)
    if procedure.line_count() > LINES_MAX:
        detail = f"A procedure has at most {LINES_MAX} lines."
        errors.append(FieldError("/lots", "too_many", detail))
    for number, lot in enumerate(procedure.lots):
        errors += _lot_errors(lot, f"/lots/{number}")
    errors += officer_errors(procedure.officer_ids)
    if procedure.questions_until is not None and procedure.questions_until > procedure.deadline_at:
        detail = "Questions end with the receiving of bids at the latest."
        errors.append(FieldError("/questions_until", "after_deadline", detail))
    errors += offering_errors(procedure.offering, procedure.deadline_at)
    errors += _envelope_errors(procedure)
    errors += _key_errors(procedure)
    errors += _partial_errors(procedure)
    errors += _variant_errors(procedure)
    errors += judging_errors(procedure.judging, [lot.id for lot in procedure.lots])
    errors += requirement_errors(procedure.requirements)
    errors += errors_of(procedure.awarding)
    if procedure.awarding.division is Division.LINES and procedure.judging.method is Method.POINTS:
        detail = (
            "Points for a price are given to the total of a lot and tell nothing of a line: judge "
            "by coefficient, or award lots whole."
        )
        errors.append(FieldError("/judging/method", "points_by_line", detail))
    if errors:
        raise InvalidInput(errors[0].detail, errors=errors)


def _asked_errors(procedure: Procedure) -> Iterator[FieldError]:
    if (procedure.openness is Openness.MEMBERS) is (procedure.offering.framework_id is None):
        detail = "Members compete under a framework; name it, and only then."
        yield FieldError("/framework_id", "framework", detail)
    if procedure.kind is not Kind.RFI:
        if not procedure.lots:
            yield FieldError("/lots", "empty", "A procedure asks for at least one lot.")
        return
    if procedure.lots:
        detail = "A request for information asks questions; it has no lots and no prices."
        yield FieldError("/lots", "no_prices", detail)
    if not procedure.offering.questionnaire:
        detail = "A request for information asks at least one question."
        yield FieldError("/questionnaire", "empty", detail)


def _envelope_errors(procedure: Procedure) -> Iterator[FieldError]:
    if not procedure.two_envelopes:
        return
    pointer = "/two_envelopes"
    if procedure.kind is Kind.RFI:
        detail = "A request for information asks no prices: there is nothing to seal apart."
        yield FieldError(pointer, "no_prices", detail)
    elif not procedure.judging.needs_panel and not procedure.requirements:
        detail = (
            "Two envelopes keep prices away from what is decided first; ask for something to judge "
            "or to qualify by, or take one envelope."
        )
        yield FieldError(pointer, "nothing_to_judge", detail)


def _key_errors(procedure: Procedure) -> Iterator[FieldError]:
    keys = procedure.strict
    if keys is None:
        return
    if procedure.two_envelopes is (keys.financial is None):
        detail = (
            "Name keys of their own for the financial envelopes: those of the technical ones are "
            "shown first."
            if procedure.two_envelopes
            else "Bids of this procedure have no financial envelope, and no keys for one."
        )
        yield FieldError("/strict/financial", "other_envelopes", detail)
    if len(set(keys.all())) != len(keys.all()):
        detail = "Each key is another one: who shows one of them opens nothing else with it."
        yield FieldError("/strict", "twice", detail)


def _partial_errors(procedure: Procedure) -> Iterator[FieldError]:
    """Totals of offers that leave lines out do not compare: nothing may be decided by them."""
    if not procedure.offering.partial_bids:
        return
    pointer = "/partial_bids"
    if procedure.awarding.division is not Division.LINES:
        detail = "Offers that leave lines out compare by line alone: award each line to its best."
        yield FieldError(pointer, "not_by_line", detail)
    if procedure.low_offers != LowOfferRule():
        detail = "Low offers are found by totals of lots, which do not compare with lines left out."
        yield FieldError(pointer, "low_offers", detail)


def _variant_errors(procedure: Procedure) -> Iterator[FieldError]:
    """Variants are taken where an offer is one whole."""
    if procedure.offering.variants is None:
        return
    refused = (
        (
            procedure.kind is Kind.RFI,
            "no_prices",
            "A request for information asks for no offers, so there is nothing to vary.",
        ),
        (
            procedure.awarding.division is Division.LINES,
            "by_line",
            "A variant is one whole; lines of it and of the main bid do not mix: award whole lots.",
        ),
        (
            procedure.openness is Openness.MEMBERS,
            "framework",
            "What members of a framework deliver is agreed in it: they compete with prices alone.",
        ),
    )
    for is_so, code, detail in refused:
        if is_so:
            yield FieldError("/variants", code, detail)


def _lot_errors(lot: Lot, pointer: str) -> list[FieldError]:
    if not lot.lines:
        return [FieldError(f"{pointer}/lines", "empty", "A lot asks for at least one line.")]
    errors: list[FieldError] = []
    for number, line in enumerate(lot.lines):
        try:
            Quantity.checked(line.quantity, line.unit, f"{pointer}/lines/{number}")
        except InvalidInput as refused:
            errors += refused.errors
        errors += terms_errors(line.terms, f"{pointer}/lines/{number}/terms")
    return errors


def check_publication(procedure: Procedure, invited: int, at: datetime) -> None:
    """Guard of `publish`: the terms fit, time is left to bid, and somebody may.

    Raises InvalidInput for terms, Conflict for what has to be done first.
    """
    check_terms(procedure)
    if procedure.deadline_at <= at:
        detail = "The deadline for bids has passed already; set a later one."
        raise InvalidInput(detail, errors=[FieldError("/deadline_at", "in_the_past", detail)])
    _check_receiving_days(procedure, at)
    if procedure.openness is Openness.INVITED and invited == 0:
        raise Conflict("Nobody is invited yet: a procedure by invitation needs a supplier first.")


def check_invitation(procedure: Procedure, at: datetime) -> None:
    """Guard of an invitation: a draft, or published with the deadline ahead."""
    if procedure.openness is Openness.MEMBERS:
        raise Conflict("The members of the framework compete; nobody else can be invited.")
    receiving = procedure.status is Status.PUBLISHED and at < procedure.deadline_at
    if procedure.status is not Status.DRAFT and not receiving:
        raise WrongState(
            f"This procedure is {procedure.status.value}: nobody can be invited any more.",
            state=procedure.status.value,
        )


def _check_receiving_days(procedure: Procedure, at: datetime) -> None:
    ends = procedure.questions_end()
    if procedure.least_times.questions is not None and ends is not None and ends <= at:
        detail = f"Published now, nobody could ask: questions ended at {ends.isoformat()}."
        raise invalid("/questions_days", "too_soon", detail)
    days = procedure.least_times.receiving
    if days is None:
        return
    least = procedure.days_of().after(at, days)
    if procedure.deadline_at < least:
        detail = (
            f"Published now, bids are received for {days} days until {least.isoformat()} at the "
            "earliest; set a later deadline."
        )
        raise invalid("/deadline_at", "too_soon", detail)
