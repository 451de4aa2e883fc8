"""The catalog over HTTP: what clients send and see, and what each request costs."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import httpx
import pytest

from marketplace.app import assemble, create_app
from marketplace.platform.settings import Settings
from marketplace.worker import Worker
from tests.support.round_trips import counted, fewest
from tests.support.world import Company, World

OFFERS = "sku;name;unit;minimum_quantity;gtin\nA-1;Bolt M8;C62;1;4006381333931\nA-2;Nut;C62;;\n"
PRICES = "sku,unit,minimum_quantity,amount\nA-1,C62,1,0.10\nA-1,C62,100,0.08\nA-2,C62,1,0.05\n"


class Client:
    """One company's way to the API."""

    def __init__(self, http: httpx.AsyncClient, company: Company) -> None:
        self.http = http
        self.company = company

    async def send(
        self, method: str, path: str, body: object = None, status: int = 200, **more: Any
    ) -> Any:
        if body is not None:
            more["json"] = body
        answer = await self.http.request(method, path, headers=self.company.writing, **more)
        assert answer.status_code == status, answer.text
        return answer.json() if answer.content else None

    async def upload(self, data: str, worker: Worker, **query: str) -> Any:
        answer = await self.http.post(
            "/v1/imports",
            params=query,
            content=data.encode(),
            headers={**self.company.headers, "Content-Type": "text/csv"},
        )
        assert answer.status_code == 202, answer.text
        await worker.run_until_idle()
        return await self.send("GET", f"/v1/imports/{answer.json()['id']}")


@pytest.fixture
async def seller(client: httpx.AsyncClient, world: World) -> Client:
    return Client(client, await world.supplier())


@pytest.fixture
async def portal(client: httpx.AsyncClient, world: World) -> Client:
    return Client(client, await world.buyer())


async def stock(seller: Client, worker: Worker) -> str:
    """Import two offers and a published base list; give the list's identifier."""
    assert (await seller.upload(OFFERS, worker, kind="offers"))["status"] == "done"
    body = {"name": "List 2026", "level": "base", "currency": "EUR"}
    made = await seller.send("POST", "/v1/price-lists", body, 201)
    query = {"kind": "prices", "price_list_id": made["id"], "publish": "true"}
    done = await seller.upload(PRICES, worker, **query)
    assert done["result"]["published_version"] == 1, done
    return str(made["id"])


async def test_a_supplier_imports_and_a_buyer_sees_his_price_and_why(
    seller: Client, portal: Client, worker: Worker
) -> None:
    list_id = await stock(seller, worker)
    own = {"name": "For you", "level": "organization", "currency": "EUR"}
    made = await seller.send("POST", "/v1/price-lists", own, 201)
    path = f"/v1/price-lists/{made['id']}"
    entry = {"sku": "A-1", "unit": "C62", "tiers": [{"minimum_quantity": "1", "amount": "0.09"}]}
    written = await seller.send("PUT", f"{path}/entries", {"entries": [entry]})
    assert written == {"draft_version": 1, "written": 1, "unchanged": 0, "removed": 0}
    assignment = {"organization_id": str(portal.company.id)}
    await seller.send("POST", f"{path}/assignments", assignment, 201)
    published = await seller.send("POST", f"{path}/publish")
    assert published["published_version"] == 1

    found = await portal.send("GET", "/v1/catalog", params={"q": "bolt"})
    (item,) = found["items"]
    assert found["next"] is None
    assert item["offers"][0]["price"]["amount"] == "0.09"
    whole = await portal.send("GET", f"/v1/catalog/{item['id']}")
    price = whole["offers"][0]["price"]
    assert price["source"] == {
        "kind": "price_list",
        "id": made["id"],
        "version": 1,
        "title": "For you",
    }
    assert price["ladder"] == [{"minimum_quantity": "1", "amount": "0.09"}]
    (loser,) = price["losers"]
    assert (loser["reason"], loser["source"]["id"]) == ("shadowed_by_level", list_id)

    lines = [
        {"supplier_id": str(seller.company.id), "sku": "A-2", "quantity": "50"},
        {"supplier_id": str(seller.company.id), "sku": "NONE", "quantity": "1"},
    ]
    answer = await portal.send("POST", "/v1/prices/check", {"currency": "EUR", "lines": lines})
    assert answer["lines"][0]["price"]["line_amount"] == {"amount": "2.50", "currency": "EUR"}
    assert "no_price" not in answer["lines"][0]
    assert answer["lines"][1]["no_price"]["reason"] == "unknown_sku"
    assert "price" not in answer["lines"][1]


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"amount": "NaN"}, "/entries/0/tiers/0/amount"),
        ({"amount": "1e3"}, "/entries/0/tiers/0/amount"),
        ({"amount": "1_000"}, "/entries/0/tiers/0/amount"),
        ({"amount": "-1"}, "/entries/0/tiers/0/amount"),
        ({"amount": "0.0000001"}, "/entries/0/tiers/0/amount"),
        ({"amount": 12.5}, "/entries/0/tiers/0/amount"),
        ({"colour": "red"}, "/entries/0/tiers/0/colour"),
        ({"minimum_quantity": "0"}, "/entries/0/tiers/0/minimum_quantity"),
    ],
)
async def test_a_price_out_of_form_is_pointed_at(
    seller: Client, worker: Worker, change: dict[str, object], pointer: str
) -> None:
    list_id = await stock(seller, worker)
    tier = {"minimum_quantity": "1", "amount": "1", **change}
    entries = {"entries": [{"sku": "A-1", "unit": "C62", "tiers": [tier]}]}
    path = f"/v1/price-lists/{list_id}/entries"
    problem = await seller.send("PUT", path, entries, 422)
    assert [error["pointer"] for error in problem["errors"]] == [pointer]
    assert (await seller.send("GET", f"/v1/price-lists/{list_id}"))["draft_changes"] == 0


async def test_what_is_wrong_with_a_request_is_a_clear_problem(
    seller: Client, portal: Client, worker: Worker
) -> None:
    await stock(seller, worker)
    line = {"supplier_id": str(seller.company.id), "sku": "A-1", "quantity": "1"}
    check = "/v1/prices/check"
    for body, pointer in (
        ({"currency": "XXX", "lines": [line]}, "/currency"),
        ({"currency": "EUR", "lines": []}, "/lines"),
        ({"currency": "EUR", "lines": [{**line, "quantity": "0"}]}, "/lines/0/quantity"),
        ({"currency": "EUR", "lines": [{**line, "unit": "FOO"}]}, "/lines/0/unit"),
        ({"currency": "EUR", "lines": [line] * 1001}, "/lines"),
        ({"currency": "EUR", "lines": [line], "as_of": "2026-01-01T00:00:00"}, "/as_of"),
    ):
        problem = await portal.send("POST", check, body, 422)
        assert problem["errors"][0]["pointer"] == pointer, problem
    assert (await portal.send("GET", "/v1/catalog?after=nonsense", status=400))["status"] == 400
    assert (await portal.send("GET", "/v1/catalog?currency=EURO", status=400))["status"] == 400
    wrong = await portal.http.post(
        "/v1/imports?kind=offers", content=b"{}", headers=seller.company.headers
    )
    assert wrong.status_code == 415
    unknown = await portal.http.post("/v1/imports?kind=carts", headers=seller.company.headers)
    assert unknown.status_code == 400


async def test_others_lists_offers_and_imports_do_not_exist(
    seller: Client, portal: Client, worker: Worker, world: World
) -> None:
    list_id = await stock(seller, worker)
    done = await seller.upload("sku,name,unit\nS,Secret,C62\n", worker, kind="offers")
    rival = Client(seller.http, await world.supplier("Rival"))
    for path in (f"/v1/price-lists/{list_id}", f"/v1/price-lists/{list_id}/entries"):
        await rival.send("GET", path, status=404)
    await rival.send("GET", f"/v1/imports/{done['id']}", status=404)
    await rival.send("GET", "/v1/offers/by-sku/S", status=404)
    assert (await rival.send("GET", "/v1/offers"))["items"] == []
    assert (await rival.send("GET", "/v1/price-lists"))["items"] == []
    await rival.send("POST", f"/v1/price-lists/{list_id}/publish", status=404)
    # a buyer's member holds no scope of suppliers
    await portal.send("POST", "/v1/products", {"name": "X"}, 403)


async def test_offers_are_put_by_sku_and_carry_a_version(seller: Client) -> None:
    body = {"name": "Bolt", "unit": "C62", "maker": "Acme", "maker_number": "8/20"}
    first = await seller.send("PUT", "/v1/offers/by-sku/A%20B", body)
    assert (first["sku"], first["version"]) == ("A B", 1)
    changed = await seller.send("PUT", "/v1/offers/by-sku/A%20B", {**body, "multiple": "5"})
    assert (changed["version"], changed["minimum_quantity"]) == (2, "5")
    answer = await seller.http.get("/v1/offers/by-sku/A%20B", headers=seller.company.headers)
    assert answer.headers["etag"] == '"2"'
    product = await seller.send("GET", f"/v1/products/{first['product_id']}")
    assert product["state"] == "proposed"


async def test_a_price_and_a_page_take_the_same_few_round_trips_whatever_their_size(
    settings: Settings, world: World, client: httpx.AsyncClient, worker: Worker
) -> None:
    company = await world.supplier()
    seller, buyer = Client(client, company), await world.buyer()
    rows = "".join(f"S{n:03},Thing {n:03},C62\n" for n in range(60))
    await seller.upload("sku,name,unit\n" + rows, worker, kind="offers")
    body = {"name": "Base", "level": "base", "currency": "EUR"}
    made = await seller.send("POST", "/v1/price-lists", body, 201)
    prices = "".join(f"S{n:03},C62,{n}.5\n" for n in range(60))
    query = {"kind": "prices", "price_list_id": made["id"], "publish": "true"}
    await seller.upload("sku,unit,amount\n" + prices, worker, **query)

    async with counted(settings.database_url) as meter:
        edge = create_app(
            assemble(replace(settings, database_url=meter.url, features=("catalog",)))
        )
        async with (
            edge.litestar.lifespan(),
            httpx.AsyncClient(
                transport=httpx.ASGITransport(app=edge), base_url="http://marketplace.test"
            ) as http,
        ):

            async def trips(method: str, path: str, body: object = None) -> int:
                async def ask() -> None:
                    answer = await http.request(method, path, json=body, headers=buyer.headers)
                    assert answer.status_code == 200, answer.text

                return (await fewest(ask, meter))[0]

            async def trips_of(path: Callable[[], str]) -> int:
                async def ask() -> None:
                    answer = await http.get(path(), headers=buyer.headers)
                    assert answer.status_code == 200, answer.text

                return (await fewest(ask, meter))[0]

            def lines(count: int) -> dict[str, object]:
                asked = [
                    {"supplier_id": str(company.id), "sku": f"S{n % 60:03}", "quantity": "1"}
                    for n in range(count)
                ]
                return {"currency": "EUR", "lines": asked}

            check = "/v1/prices/check"
            assert await trips("POST", check, lines(1)) == 1
            assert await trips("POST", check, lines(1000)) == 1
            # An answer still known to be true costs the question whether it is.
            assert await trips("GET", "/v1/catalog?limit=1") == 1
            assert await trips("GET", "/v1/catalog?limit=50") == 1
            # Made anew, as many for fifty as for one: another page size is another answer. The
            # first time, what products and offers say is read, by one more.
            for few in (2, 40):
                sizes = iter(range(few, few + 10))
                assert await trips_of(lambda: f"/v1/catalog?limit={next(sizes)}") == 1  # noqa: B023
            # A search brings the mark and the names with its hits; then their prices are asked for.
            numbers = iter(range(10, 60))
            path = "/v1/catalog?q=thing+{}&facets=true&language=en"
            assert await trips_of(lambda: path.format(f"{next(numbers):03}")) == 2


async def test_who_keeps_a_page_is_told_that_it_is_still_this_one(
    world: World, client: httpx.AsyncClient, worker: Worker
) -> None:
    seller, buyer = Client(client, await world.supplier()), await world.buyer()
    await seller.upload(OFFERS, worker, kind="offers")

    async def ask(kept: str = "", path: str = "/v1/catalog") -> httpx.Response:
        return await client.get(path, headers={**buyer.headers, "If-None-Match": kept})

    first = await ask()
    tag = first.headers["ETag"]
    for kept in (tag, f'W/"other", {tag}', "*"):
        again = await ask(kept)
        assert (again.status_code, again.content) == (304, b"")
        assert again.headers["ETag"] == tag
    assert (await ask('"other"')).json() == first.json()
    assert (await ask(tag, "/v1/catalog?limit=1")).status_code == 200
    # What another is offered alone changes the catalog, but not what this one is told of it.
    rival = await world.buyer()
    hidden = {"name": "For another", "unit": "C62", "buyer_id": str(rival.id)}
    await seller.send("PUT", "/v1/offers/by-sku/HIDDEN", hidden)
    assert (await ask(tag)).status_code == 304
    await seller.upload(OFFERS.replace("Bolt M8", "Bolt M9"), worker, kind="offers")
    changed = await ask(tag)
    assert changed.status_code == 200
    assert changed.headers["ETag"] != tag
