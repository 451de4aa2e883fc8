"""A bidder's proxy: a limit down to which the engine bids for him. Nobody else ever reads it."""

from decimal import Decimal
from uuid import UUID

from auctions.admission import Card
from auctions.bidding import client_bid_id_of
from auctions.conduct.floor import bidders_card
from auctions.conduct.schemas import ProxyInput, ProxyView
from auctions.engine.events import ProxySet, SetProxy
from auctions.engine.terms import check_amount, in_digits
from auctions.intake import Intake
from auctions.ledger import Ledger
from auctions.terms_schemas import money_view
from marketplace.kernel.errors import FieldError, InvalidInput, NotFound, invalid
from marketplace.kernel.ids import new_id
from marketplace.platform.caller import Caller
from marketplace.platform.core import Platform


async def put_proxy(
    platform: Platform,
    caller: Caller,
    auction_id: UUID,
    key: str | None,
    data: ProxyInput,
    lot_id: UUID | None = None,
) -> ProxyView:
    """Set or change the company's proxy; give it once it is committed and has bid what it must.

    The same key with the same limit gets the same answer. Raises NotFound for who is not invited,
    InvalidInput for a limit or a step that cannot be, WrongState where no proxy is taken now,
    KeyReused, TooManyRequests, and Unavailable: then the same key is safe.
    """
    card = await bidders_card(platform, caller, auction_id, lot_id)
    currency = card.currency_of(caller.organization_id)
    for name in ("limit", "step"):
        given = getattr(data, name)
        if given is not None and given.currency != currency:
            detail = f"Your bids on this lot are in {currency}."
            raise invalid(f"/{name}/currency", "wrong_currency", detail)
    step = data.step
    command = SetProxy(
        bid_id=new_id(),
        bidder=caller.organization_id,
        client_bid_id=client_bid_id_of(key),
        limit=check_amount(Decimal(data.limit.amount), currency, "/limit/amount"),
        step=None if step is None else check_amount(Decimal(step.amount), currency, "/step/amount"),
    )
    try:
        event = await platform.get(Intake).submit(card.lot_id, command)
    except InvalidInput as error:
        # The rules speak of bids; here the amount is the limit.
        errors = [FieldError("/limit", e.code, e.detail) for e in error.errors]
        raise InvalidInput(error.detail, errors=errors) from error
    if not isinstance(event, ProxySet) or event.limit is None:
        msg = f"a proxy was answered with {type(event).__name__}"
        raise TypeError(msg)
    return _view(card, caller, event.limit, event.step)


async def read_proxy(
    platform: Platform, caller: Caller, auction_id: UUID, lot_id: UUID | None = None
) -> ProxyView:
    """Give the company's own proxy; raises NotFound where it has none."""
    card = await bidders_card(platform, caller, auction_id, lot_id)
    state = (await platform.get(Ledger).read(card.lot_id)).state
    proxy = state.course.proxies.get(caller.organization_id)
    if proxy is None:
        raise NotFound("No proxy bids for you.")
    return _view(card, caller, proxy.limit, proxy.step)


async def remove_proxy(
    platform: Platform,
    caller: Caller,
    auction_id: UUID,
    key: str | None,
    lot_id: UUID | None = None,
) -> None:
    """Take the company's proxy back; what it has bid stands.

    Raises NotFound for who is not invited, WrongState where there is none or nothing is taken now.
    """
    card = await bidders_card(platform, caller, auction_id, lot_id)
    command = SetProxy(
        bid_id=new_id(),
        bidder=caller.organization_id,
        client_bid_id=client_bid_id_of(key),
        limit=None,
    )
    await platform.get(Intake).submit(card.lot_id, command)


def _view(card: Card, caller: Caller, limit: Decimal, step: Decimal | None) -> ProxyView:
    currency = card.currency_of(caller.organization_id)
    return ProxyView(
        limit=money_view(in_digits(limit, currency), currency),
        step=None if step is None else money_view(in_digits(step, currency), currency),
    )
