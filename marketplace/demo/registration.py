"""How the demo's companies come to the marketplace: registered, staffed and stocked over HTTP."""

import asyncio
import csv
from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any, Final

import msgspec

from marketplace.demo.story import Actor, UnexpectedAnswer, eventually
from marketplace.demo.wares import Goods

BUYER: Final = "Rheinwerk Anlagenbau"
OTHER_BUYER: Final = "Nordlicht Metallbau"
UNITS: Final = ("Werk Hamburg", "Werk Leipzig")
COUNTRIES: Final = {
    BUYER: "DE",
    "Kessler Antriebstechnik": "DE",
    "Baltic Industrial Supply": "EE",
    "Donau Technik Handel": "AT",
}
ORDER_LIMIT: Final = {"amount": "2000.00", "currency": "EUR"}
"""What a purchaser may order without a second person."""
BUYER_DISCOUNT: Final = Decimal("0.08")
SEGMENT_DISCOUNT: Final = Decimal("0.04")
QUOTE_DISCOUNT: Final = Decimal("0.12")
QUOTED: Final = "6205-2RS"
QUOTED_UNTIL: Final = "2090-12-31"


class DemoCompany(msgspec.Struct):
    """A company, its units, and the keys of its members by what they do."""

    name: str
    organization_id: str
    keys: dict[str, str]
    units: dict[str, str] = msgspec.field(default_factory=dict)

    @property
    def key(self) -> str:
        """The key of the administrator, who may do everything in his company."""
        return self.keys["administrator"]


async def register_buyer(operator: Actor, name: str) -> DemoCompany:
    """Register a buyer with two units, a purchaser with a limit, an approver and an ERP."""
    buyer = await register_company(operator, name, "buyer")
    admin = operator.with_key(buyer.name, buyer.key)
    for unit_name in UNITS:
        path = f"/v1/organizations/{buyer.organization_id}/units"
        unit = await admin.post(path, {"name": unit_name}, once=True, show="addUnit")
        buyer.units[unit_name] = unit["id"]
    works = buyer.units[UNITS[0]]
    for key, person, role, limit in (
        ("purchaser", "Ines Purchasing", "purchaser", ORDER_LIMIT),
        ("approver", "Jonas Approvals", "approver", None),
        ("erp", "ERP of the buyer", "purchaser", ORDER_LIMIT),
    ):
        kind = "machine" if key == "erp" else "person"
        member = {"name": person, "kind": kind, "order_limit": limit}
        await _add_member(admin, buyer, key, member, [{"unit_id": works, "roles": [role]}])
    return buyer


async def register_supplier(operator: Actor, name: str) -> DemoCompany:
    """Register a supplier with a sales desk and an ERP."""
    supplier = await register_company(operator, name, "supplier")
    admin = operator.with_key(supplier.name, supplier.key)
    seller = [{"unit_id": supplier.organization_id, "roles": ["seller"]}]
    await _add_member(admin, supplier, "seller", {"name": "Sales desk"}, seller)
    machine = {"name": "ERP of the supplier", "kind": "machine"}
    await _add_member(admin, supplier, "erp", machine, seller)
    return supplier


async def register_company(operator: Actor, name: str, *sides: str) -> DemoCompany:
    """Register a company; its first administrator's key is shown this once."""
    word = name.split(maxsplit=1)[0].lower()
    registered = await operator.post(
        "/v1/organizations",
        {
            "name": name,
            "country": next((c for known, c in COUNTRIES.items() if name.startswith(known)), "DE"),
            **dict.fromkeys(sides, True),
            "administrator": {"name": "Demo Administrator", "email": f"admin@{word}.example"},
        },
        once=True,
        show="registerOrganization",
    )
    keys = {"administrator": registered["api_key"]["key"]}
    return DemoCompany(name, registered["organization"]["id"], keys)


async def _add_member(
    admin: Actor,
    company: DemoCompany,
    key: str,
    member: Mapping[str, Any],
    memberships: list[dict[str, Any]],
) -> None:
    base = f"/v1/organizations/{company.organization_id}"
    body = {**member, "memberships": memberships}
    made = await admin.post(f"{base}/members", body, once=True, show="addMember")
    wanted = {"member_id": made["id"], "name": f"demo {key}"}
    new_key = await admin.post(f"{base}/api-keys", wanted, once=True, show="createApiKey")
    company.keys[key] = new_key["key"]


async def stock_suppliers(
    operator: Actor,
    buyer: DemoCompany,
    suppliers: Iterable[DemoCompany],
    ranges: Iterable[Goods],
) -> None:
    """Import what every supplier sells, and publish his base list and his list for the buyer."""
    pairs = zip(suppliers, ranges, strict=True)
    await asyncio.gather(
        *(stock_supplier(operator, supplier, goods, buyer) for supplier, goods in pairs)
    )


async def stock_supplier(
    operator: Actor, supplier: DemoCompany, goods: Goods, buyer: DemoCompany
) -> None:
    """Import one supplier's offers, and publish his base list and his list for the buyer."""
    seller = operator.with_key(supplier.name, supplier.keys["seller"])
    await run_import(seller, "offers", goods.offers_csv())
    await publish_prices(seller, f"List prices {goods.prefix}", goods.prices_csv())
    own = goods.prices_csv(BUYER_DISCOUNT)
    to_buyer = {"organization_id": buyer.organization_id}
    await publish_prices(seller, f"Prices for {buyer.name}", own, to_buyer)
    group = await keep_segment(seller, "Workshops", buyer)
    kit = await restrict_one(seller, goods.prefix, group)
    grouped = goods.prices_csv(SEGMENT_DISCOUNT, [(kit, "SET", "1", "39.50")])
    await publish_prices(seller, "Prices for workshops", grouped, {"segment_id": group})
    await quote_one(seller, goods, buyer)


async def quote_one(seller: Actor, goods: Goods, buyer: DemoCompany) -> None:
    """Quote the buyer one article, which he accepts: it has a price of every level but contracts'.

    That is what `POST /v1/prices/check` with `explain` is tried at.
    """
    sku = f"{goods.prefix}-{QUOTED}"
    table = goods.prices_csv(QUOTE_DISCOUNT).decode()
    reader = csv.DictReader(table.splitlines(), delimiter=";" if ";" in table else ",")
    rows = [row for row in reader if row["sku"] == sku]
    tiers = [{name: row[name] for name in ("minimum_quantity", "amount")} for row in rows]
    line = {"sku": sku, "unit": rows[0]["unit"], "basis": rows[0].get("basis", "1"), "tiers": tiers}
    offered = {
        "organization_id": buyer.organization_id,
        "title": "Bearings for the new line",
        "currency": "EUR",
        "last_day": QUOTED_UNTIL,
        "lines": [{**line, "commitment": {"cap": "5000", "at_exhaustion": "split"}}],
    }
    made = await seller.post("/v1/quotes", offered, once=True, show="makeQuote")
    path, version = f"/v1/quotes/{made['id']}/accept", {"If-Match": f'"{made["version"]}"'}
    purchaser = seller.with_key(f"{buyer.name} (purchaser)", buyer.keys["purchaser"])
    await purchaser.send("POST", path, headers=version, show="acceptQuote")


async def price_another_buyer(operator: Actor, supplier: DemoCompany, prefix: str) -> None:
    """Give another buyer a price of the quoted article: it is explained to the supplier alone."""
    other = await register_company(operator, OTHER_BUYER, "buyer")
    seller = operator.with_key(supplier.name, supplier.keys["seller"])
    row = f"sku;unit;minimum_quantity;amount\n{prefix}-{QUOTED};C62;1;5.95\n"
    to_other = {"organization_id": other.organization_id}
    await publish_prices(seller, f"Prices for {other.name}", row.encode(), to_other)


async def keep_segment(seller: Actor, name: str, member: DemoCompany) -> str:
    """Make a segment with one customer in it, and say how his prices are weighed."""
    made = await seller.post("/v1/segments", {"name": name}, once=True, show="createSegment")
    members = {"added": [member.organization_id]}
    path = f"/v1/segments/{made['id']}/members"
    await seller.put(path, members, show="putSegmentMembers")
    policy = {"price_policy": "priority"}
    await seller.put(f"/v1/customers/{member.organization_id}", policy, show="putCustomer")
    return str(made["id"])


async def restrict_one(seller: Actor, prefix: str, segment_id: str) -> str:
    """Offer one article to the customers of a segment alone, by an assortment; give its SKU."""
    sku = f"{prefix}-SERVICE-KIT"
    offer = {"name": "Service kit for workshops", "unit": "SET", "visibility": "restricted"}
    await seller.put(f"/v1/offers/by-sku/{sku}", offer, show="putOfferBySku")
    name = {"name": "For workshops"}
    made = await seller.post("/v1/assortments", name, once=True, show="createAssortment")
    path = f"/v1/assortments/{made['id']}"
    await seller.put(f"{path}/offers", {"added": [sku]}, show="putAssortmentOffers")
    await seller.post(f"{path}/grants", {"segment_id": segment_id}, show="grantAssortment")
    return sku


async def publish_prices(
    seller: Actor, name: str, prices: bytes, to: Mapping[str, str] | None = None
) -> str:
    """Make a price list of an imported file and publish it.

    For everybody, or `to` an ``organization_id`` or a ``segment_id``.
    """
    level = "base" if to is None else next(iter(to)).removesuffix("_id")
    body = {"name": name, "level": level, "currency": "EUR"}
    made = await seller.post("/v1/price-lists", body, once=True, show="createPriceList")
    path = f"/v1/price-lists/{made['id']}"
    if to is not None:
        await seller.post(f"{path}/assignments", dict(to), show="assignPriceList")
    await run_import(seller, "prices", prices, price_list_id=made["id"])
    await seller.post(f"{path}/publish", show="publishPriceList")
    return str(made["id"])


async def run_import(
    sender: Actor,
    kind: str,
    rows: bytes,
    *,
    price_list_id: str | None = None,
    media_type: str = "text/csv",
) -> Any:
    """Upload a file and wait for its import; raises UnexpectedAnswer if a row was refused."""
    params = {"kind": kind} | ({"price_list_id": price_list_id} if price_list_id else {})
    started = await sender.send(
        "POST",
        "/v1/imports",
        content=rows,
        params=params,
        headers={"Content-Type": media_type},
        expect=202,
        show="startImport",
    )
    finished = await eventually(
        lambda: sender.get(f"/v1/imports/{started['id']}"),
        lambda job: job["status"] in {"done", "failed"},
        what=f"the import of {kind}",
    )
    if finished["status"] != "done":
        raise UnexpectedAnswer(f"{sender.name}: the import of {kind} failed: {finished}")
    return finished
