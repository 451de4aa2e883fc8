"""The way of a picture over HTTP: uploaded, told, accepted, shown, taken out, deleted."""

from typing import Any

import httpx

from tests.support.documents import PDF, PNG
from tests.support.world import World, fresh_key

GTIN = "4006381333931"


async def test_a_picture_goes_from_the_supplier_to_the_buyers_page(
    client: httpx.AsyncClient, world: World
) -> None:
    buyer, acme, bolt = await world.buyer(), await world.supplier(), await world.supplier("Bolt")

    async def upload(content: bytes, **headers: str) -> httpx.Response:
        sent = {**acme.headers, **headers}
        name = {"name": "Größe.html"}
        return await client.post("/v1/media", params=name, content=content, headers=sent)

    made = await upload(PNG, **{"Content-Type": "text/html"})
    assert made.status_code == 201, made.text
    medium = made.json()
    assert (await upload(PNG)).json()["id"] == medium["id"]
    refused = await upload(b"<html>", **{"Content-Type": "image/png"})
    assert (refused.status_code, refused.json()["errors"][0]["code"]) == (422, "kind_not_taken")
    assert (await upload(PDF, **{"Content-Encoding": "gzip"})).status_code == 415
    assert (await upload(b"%PDF-" + bytes(21_000_000))).status_code == 413

    offer = {"name": "Bearing", "unit": "C62", "gtin": GTIN}
    await client.put("/v1/offers/by-sku/A", json=offer, headers=acme.headers)
    page = (await client.get("/v1/catalog", headers=buyer.headers)).json()
    product = f"/v1/products/{page['items'][0]['id']}"
    unknown = await client.get(medium["url"], headers=buyer.headers)
    assert unknown.status_code == 404
    missing = await client.get(f"{medium['url'][:-6]}000000", headers=buyer.headers)
    assert problem(missing) == problem(unknown)
    assert (await client.get(medium["url"])).status_code == 401

    media = [{"kind": "image", "url": medium["url"], "title": "Front"}]
    told = await client.put(f"{product}/told", json={"media": media}, headers=acme.headers)
    assert told.json()["outcome"] == "changed", told.text
    got = await client.get(medium["url"], headers=buyer.headers)
    assert (got.status_code, got.content) == (200, PNG)
    assert got.headers["Content-Type"] == "image/png"
    assert got.headers["Content-Length"] == str(len(PNG))
    assert got.headers["Cache-Control"] == "private, no-cache"
    assert got.headers["X-Content-Type-Options"] == "nosniff"
    assert got.headers["Content-Security-Policy"] == "default-src 'none'; sandbox"
    assert got.headers["Content-Disposition"].startswith('attachment; filename="Gr__e.html.png"')
    assert got.headers["ETag"] == f'"{medium["sha256"]}"'
    kept = {**buyer.headers, "If-None-Match": got.headers["ETag"]}
    again = await client.get(medium["url"], headers=kept)
    assert (again.status_code, again.content) == (304, b"")
    item = await client.get(f"/v1/catalog/{page['items'][0]['id']}", headers=buyer.headers)
    (shown,) = item.json()["media"]
    assert {name: shown[name] for name in ("kind", "url", "title")} == media[0]
    assert (shown["media_type"], shown["sha256"]) == ("image/png", medium["sha256"])

    for who, status in ((bolt, 404), (acme, 409)):
        gone = await client.delete(medium["url"], headers=who.headers)
        assert gone.status_code == status, gone.text
    await client.put(f"{product}/told", json={"media": []}, headers=acme.headers)
    assert (await client.get(medium["url"], headers=buyer.headers)).status_code == 404
    assert (await client.delete(medium["url"], headers=acme.headers)).status_code == 204
    assert (await client.get("/v1/media", headers=acme.headers)).json()["items"] == []


async def test_the_operator_shows_what_he_uploaded(client: httpx.AsyncClient, world: World) -> None:
    operator, buyer = await world.operator(), await world.buyer()
    sent = await client.post(
        "/v1/media", params={"name": "a.pdf"}, content=PDF, headers=operator.headers
    )
    assert sent.status_code == 201, sent.text
    media = [{"kind": "datasheet", "url": sent.json()["url"]}]
    writing = {**operator.headers, "Idempotency-Key": str(fresh_key().key)}
    body = {"name": "Bearing", "state": "draft", "media": media}
    made = await client.post("/v1/products", json=body, headers=writing)
    assert made.status_code == 201, made.text
    address = f"/v1/products/{made.json()['id']}"
    assert (await client.get(sent.json()["url"], headers=buyer.headers)).status_code == 404
    headers = {**operator.headers, "If-Match": made.headers["ETag"]}
    await client.post(f"{address}/activate", headers=headers)
    got = await client.get(sent.json()["url"], headers=buyer.headers)
    assert (got.status_code, got.content) == (200, PDF)


def problem(answer: httpx.Response) -> dict[str, Any]:
    """What a refusal says, but for the number of the request and the path that was asked for."""
    told: dict[str, Any] = answer.json()
    return {name: told[name] for name in told if name not in {"instance", "request_id"}}
