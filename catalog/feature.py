"""What this package adds to the product."""

from typing import Final

from catalog.assortments import routes as assortments
from catalog.carts import routes as carts
from catalog.carts.retention import forget_carts
from catalog.categories import routes as categories
from catalog.customers import routes as customers
from catalog.exports import routes as exports
from catalog.exports.streaming import Exports
from catalog.imports import routes as imports
from catalog.imports import running as importing
from catalog.imports.service import Uploads
from catalog.media import forgetting
from catalog.media import routes as media
from catalog.media.service import HeldMedia, MediaGivenOut
from catalog.price_lists import routes as price_lists
from catalog.price_lists.kept import KeptPrices
from catalog.price_lists.publishing import PublicationApprovals
from catalog.price_lists.quoting import CatalogPrices
from catalog.price_lists.standings import Standings
from catalog.price_lists.written import WrittenPrices
from catalog.products import routes as products
from catalog.quotes import routes as quotes
from catalog.quotes.making import QuoteApprovals
from catalog.quotes.steps import SUBJECT as QUOTE_SUBJECT
from catalog.search import documents, related
from catalog.search import routes as search
from catalog.search.answers import CatalogAnswers
from catalog.search.known import Known
from catalog.search.known_items import KnownItems
from catalog.search.own_prices import OwnCosts
from catalog.search.shelf import Shelf
from catalog.search.written_items import WrittenItems
from catalog.stock import routes as stock
from catalog.stock.reserving import CatalogStock
from marketplace.approvals.ports import ApprovalSubjects
from marketplace.orders.ports import Prices, Stock
from marketplace.platform.core import Platform
from marketplace.platform.feature import Feature, Job, Scope

_EVERYBODY: Final = ("administrator", "purchaser", "approver", "seller", "viewer", "operator")
_SELLERS: Final = ("administrator", "seller")


def _publication_approvals(platform: Platform) -> PublicationApprovals:
    subject = PublicationApprovals()
    platform.get(ApprovalSubjects).add("price_list", subject)
    return subject


def _quote_approvals(platform: Platform) -> QuoteApprovals:
    subject = QuoteApprovals()
    platform.get(ApprovalSubjects).add(QUOTE_SUBJECT, subject)
    return subject


FEATURE: Final = Feature(
    name="catalog",
    routes=(
        *categories.ROUTES,
        *products.ROUTES,
        *media.ROUTES,
        *price_lists.ROUTES,
        *customers.ROUTES,
        *assortments.ROUTES,
        *search.ROUTES,
        *imports.ROUTES,
        *exports.ROUTES,
        *stock.ROUTES,
        *carts.ROUTES,
        *quotes.ROUTES,
    ),
    scopes=(
        Scope("catalog:read", "Search the catalog", _EVERYBODY),
        Scope("catalog:write", "Keep products and offers", (*_SELLERS, "operator")),
        Scope("products:write", "Keep the products and categories of all", ("operator",)),
        Scope("prices:read", "Ask for own prices", _EVERYBODY),
        Scope("prices:write", "Keep and publish price lists", _SELLERS),
        Scope("customers:write", "Keep customers and segments", _SELLERS),
        Scope("quotes:read", "Read quotes", _EVERYBODY),
        Scope("quotes:write", "Make and withdraw quotes", _SELLERS),
        Scope("quotes:answer", "Accept and decline quotes", ("administrator", "purchaser")),
        Scope("imports:write", "Import files", (*_SELLERS, "operator")),
        Scope("stock:read", "Read own stock", (*_SELLERS, "viewer")),
        Scope("stock:write", "Keep stock", _SELLERS),
        Scope("carts:read", "Read carts", ("administrator", "purchaser", "approver", "viewer")),
        Scope("carts:write", "Fill and order carts", ("administrator", "purchaser")),
    ),
    jobs=(Job(importing.JOB, importing.run_import),),
    forgets=(forget_carts,),
    timers=(documents.TIMER, related.TIMER, forgetting.TIMER),
    worker_lifespans=(related.keep_counting,),
    commands={"import": "catalog.imports.commands:import_file"},
    provides={
        Prices: lambda _platform: CatalogPrices(),
        Stock: lambda _platform: CatalogStock(),
        Exports: lambda _platform: Exports(),
        Uploads: lambda _platform: Uploads(),
        CatalogAnswers: lambda _platform: CatalogAnswers(),
        KeptPrices: lambda _platform: KeptPrices(),
        Standings: lambda _platform: Standings(),
        WrittenPrices: lambda _platform: WrittenPrices(),
        WrittenItems: lambda _platform: WrittenItems(),
        KnownItems: lambda _platform: KnownItems(),
        Shelf: lambda _platform: Shelf(),
        OwnCosts: lambda _platform: OwnCosts(),
        Known: lambda _platform: Known(),
        HeldMedia: lambda _platform: HeldMedia(),
        MediaGivenOut: lambda _platform: MediaGivenOut(),
        PublicationApprovals: _publication_approvals,
        QuoteApprovals: _quote_approvals,
    },
)
