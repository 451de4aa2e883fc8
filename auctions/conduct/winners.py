"""How a winner, and what his price saves, is shown to the buyer."""

from collections.abc import Mapping
from decimal import ROUND_HALF_UP, Context, Decimal
from typing import Final, Literal

from auctions.conduct.schemas import SavingView, WinnerView
from auctions.engine.outcome import Win
from auctions.engine.scoring import price_of
from auctions.engine.state import LotState
from auctions.engine.terms import in_digits
from auctions.terms_schemas import money_view
from marketplace.kernel.savings import saving

Against = Literal["ceiling", "best_opening", "baseline"]

_HALF_UP: Final = Context(prec=60, rounding=ROUND_HALF_UP)


def winner_view(state: LotState, won: Win) -> WinnerView:
    """Show who wins a lot."""
    currency = state.currency_of(won.bidder)
    return WinnerView(
        organization_id=won.bidder,
        alias=state.roster[won.bidder],
        bid_id=won.bid_id,
        amount=money_view(in_digits(won.amount, currency), currency),
        price=money_view(in_digits(won.price, currency), currency),
    )


def price_in_lots_currency(state: LotState, won: Win) -> Decimal:
    """Give what the winner gets in the lot's currency, rounded half up to its digits."""
    price = price_of(state.yardsticks, won.bidder, won.price)
    unit = in_digits(Decimal(1), state.terms.currency)
    return price.quantize(unit, context=_HALF_UP)


def savings(
    price: Decimal, references: Mapping[Against, Decimal | None], currency: str
) -> list[SavingView]:
    """Give what a price saves against each reference there is; negative where it costs more.

    The percentage is rounded half up to two places.
    """
    views = []
    for against, reference in references.items():
        found = saving(reference, price)
        if found is None:
            continue
        views.append(
            SavingView(
                against=against,
                reference=money_view(in_digits(found.reference, currency), currency),
                amount=f"{in_digits(found.amount, currency):f}",
                percent=f"{found.share * 100:.2f}",
            )
        )
    return views
