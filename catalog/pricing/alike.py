"""What of candidates decides between them, their amounts aside.

Where the order of candidates decides, and not who is cheapest, `resolve` says the same of all
offers whose candidates are alike: the same one of them wins, over the same others.
"""

from collections.abc import Hashable, Sequence

from catalog.pricing.terms import Candidate, Policy


def likeness(candidates: Sequence[Candidate], policy: Policy) -> Hashable | None:
    """Give what is equal for candidates of two offers that are alike.

    None where amounts take part: where the best price counts, or something may have been drawn.
    """
    if policy is not Policy.PRIORITY or any(each.commitment is not None for each in candidates):
        return None
    return tuple(
        [
            (
                *(each.level, each.assigned_to, each.priority, each.mode, each.derived),
                *(each.unit, each.currency, each.ladder.tiers[0].minimum_quantity),
                *(each.validity.from_, each.validity.until),
            )
            for each in candidates
        ]
    )
