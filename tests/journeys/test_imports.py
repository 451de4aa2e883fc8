"""Files sent to the running product: by the command line, and while the worker is killed."""

import asyncio
import signal
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from click.testing import CliRunner, Result

from marketplace.cli import main
from marketplace.demo.registration import register_company, run_import
from marketplace.demo.story import Actor, Recorder
from tests.journeys.conftest import Played
from tests.rfq.notices.builders import Lot, Notice

OFFERS = 250
TIERS = 40


@pytest.fixture
async def operator(played: Played) -> AsyncIterator[Actor]:
    async with played.product.client() as http:
        yield Actor(http, "the operator", played.road.operator.key, Recorder())


@pytest.fixture
async def seller(operator: Actor) -> Actor:
    """A supplier, who may buy of himself, with his offers."""
    company = await register_company(operator, "Filewerk", "supplier", "buyer")
    return operator.with_key(company.name, company.key)


async def send(played: Played, seller: Actor, file: Path, *wishes: str) -> Result:
    """Run `marketplace import FILE`, beside the event loop as it has none."""
    where = ["--url", played.product.url, "--key", str(seller.key)]
    return await asyncio.to_thread(CliRunner().invoke, main, ["import", str(file), *where, *wishes])


async def test_the_command_line_sends_a_file_and_shows_how_far_it_is(
    played: Played, seller: Actor, tmp_path: Path
) -> None:
    offers, prices = tmp_path / "offers.csv", tmp_path / "prices.csv"
    rows = "".join(f"C{n},Clamp {n},C62\n" for n in range(1_000))
    offers.write_text(f"sku,name,unit\n{rows}", encoding="utf-8")
    rehearsed = await send(played, seller, offers, "--kind", "offers", "--dry-run")
    assert "Dry run, nothing was written: rows 1,000" in rehearsed.output
    sent = await send(played, seller, offers, "--kind", "offers")
    assert sent.exit_code == 0
    assert "uploading" in sent.output
    assert "finished" in sent.output
    assert "Done: rows 1,000" in sent.output
    assert "created 1,000" in sent.output  # so the rehearsal made none
    prices.write_text("sku,unit,amount\nC1,C62,9.5\nC2,FOO,1\nX,C62,2\n", encoding="utf-8")
    face = {"name": "Base", "level": "base", "currency": "EUR", "priority": 1}
    made = await seller.post("/v1/price-lists", face, once=True)
    to_list = ["--kind", "prices", "--price-list", made["id"], "--publish"]
    refused = await send(played, seller, prices, *to_list)
    assert refused.exit_code == 1
    assert "line 3, unit: Use a code of UN/ECE Rec 20" in refused.output
    assert "('FOO')" in refused.output
    assert "The import failed; nothing was written." in refused.output
    taken = await send(played, seller, prices, *to_list, "--on-error", "skip_row")
    assert taken.exit_code == 0
    assert "line 4, sku: You have no offer with this SKU. ('X')" in taken.output
    assert "written 1" in taken.output
    assert await price(seller, "C1") == "9.5"


async def test_the_command_line_tells_a_refusal_in_the_words_of_the_api(
    played: Played, seller: Actor, tmp_path: Path
) -> None:
    file = tmp_path / "prices.csv"
    file.write_text("sku,unit,amount\n", encoding="utf-8")
    refused = await send(played, seller, file, "--kind", "prices")
    assert refused.exit_code == 1
    assert "Say which price list the prices are of." in refused.output
    away = await asyncio.to_thread(
        CliRunner().invoke,
        main,
        ["import", str(file), "--kind", "prices", "--key", "k", "--url", "http://127.0.0.1:1"],
    )
    assert "http://127.0.0.1:1 does not answer" in away.output


async def test_the_command_line_takes_a_notice_over_and_shows_what_became_of_it(
    played: Played, seller: Actor, tmp_path: Path
) -> None:
    file = tmp_path / "notice.xml"
    file.write_bytes(Notice([Lot(deadline=None)], title="Office [b]supplies").bytes())
    where = ["--url", played.product.url, "--key", str(seller.key)]

    async def run(*wishes: str) -> Result:
        words = ["import-notice", str(file), *where, *wishes]
        return await asyncio.to_thread(CliRunner().invoke, main, words)

    before = len((await seller.get("/v1/procedures"))["items"])
    rehearsed = await run("--dry-run")
    assert rehearsed.exit_code == 0, rehearsed.output
    assert "Dry run, nothing was written." in rehearsed.output
    taken = await run("--all")
    assert "/title = Office [b]supplies" in taken.output
    assert "cbc:ItemClassificationCode = 30197630 (listName cpv) [no_place]" in taken.output
    assert "/deadline_at The notice says of no deadline for offers." in taken.output
    assert "The draft is " in taken.output
    assert len((await seller.get("/v1/procedures"))["items"]) == before + 1
    file.write_bytes(Notice([Lot(quantity=("much", "KGM"))]).bytes())
    refused = await run()
    assert refused.exit_code == 1
    assert "Line 2: cbc:EstimatedOverallContractQuantity has to be a number" in refused.output


async def test_ctrl_c_cancels_what_the_command_line_sent(
    played: Played, seller: Actor, tmp_path: Path
) -> None:
    """In the middle of writing, which a lock on the table holds up."""
    await run_import(seller, "offers", table("sku,name,unit", ["C,Clamp,C62"]))
    face = {"name": "Base", "level": "base", "currency": "EUR", "priority": 1}
    list_id = (await seller.post("/v1/price-lists", face, once=True))["id"]
    first, file = table("sku,unit,amount", ["C,C62,10"]), tmp_path / "prices.csv"
    await run_import(seller, "prices", first, price_list_id=list_id)
    await seller.post(f"/v1/price-lists/{list_id}/publish")
    file.write_bytes(table("sku,unit,amount", ["C,C62,9"]))
    words = ["import", str(file), "--kind", "prices", "--price-list", list_id, "--publish"]
    where = ["--url", played.product.url, "--key", str(seller.key)]
    owner = await asyncpg.connect(played.product.urls.owner_url)
    try:
        async with owner.transaction():
            await owner.execute("lock table price_ladders in share mode")
            command = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "marketplace.cli", *words, *where),
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.STDOUT,
            )
            sent = await latest_import(seller, of="prices", after=1)
            await until_phase(seller, sent, "writing")
            command.send_signal(signal.SIGINT)
            async with asyncio.timeout(60):
                output, _ = await command.communicate()
    finally:
        await owner.close()
    assert command.returncode == 1, output
    assert b"file: It was cancelled." in output
    assert b"The import failed; nothing was written." in output
    assert await price(seller, "C") == "10"
    assert (await seller.get(f"/v1/price-lists/{list_id}"))["published_version"] == 1


async def latest_import(seller: Actor, *, of: str, after: int) -> Any:
    """Wait for one more import of a kind than so many, and give it."""
    async with asyncio.timeout(60):
        while True:
            listed = (await seller.get("/v1/imports"))["items"]
            found = [each for each in listed if each["kind"] == of]
            if len(found) > after:
                return found[0]
            await asyncio.sleep(0.05)


async def test_an_import_whose_worker_is_killed_leaves_the_old_list_and_can_be_sent_again(
    played: Played, seller: Actor
) -> None:
    """Killed by SIGKILL in the middle of writing, which a lock on the table holds up."""
    product = played.product
    skus = [f"K{n}" for n in range(OFFERS)]
    await run_import(seller, "offers", table("sku,name,unit", (f"{s},Key,C62" for s in skus)))
    face = {"name": "Base", "level": "base", "currency": "EUR", "priority": 1}
    list_id = (await seller.post("/v1/price-lists", face, once=True))["id"]
    await run_import(
        seller, "prices", table("sku,unit,amount", ["K0,C62,10"]), price_list_id=list_id
    )
    await seller.post(f"/v1/price-lists/{list_id}/publish")
    tiers = (f"{sku},C62,{least},{100 - least}" for sku in skus for least in range(1, TIERS + 1))
    file = table("sku,unit,minimum_quantity,amount", tiers)
    owner = await asyncpg.connect(product.urls.owner_url)
    try:
        async with owner.transaction():
            await owner.execute("lock table price_ladders in share mode")
            sent = await start(seller, list_id, file)
            await until_phase(seller, sent, "writing")
            product.kill(product.worker)
        shown = await seller.get(f"/v1/price-lists/{list_id}")
        assert (shown["published_version"], shown["draft_changes"]) == (1, 0)
        assert await price(seller, "K0") == "10"
    finally:
        await owner.close()
        product.worker.stop()
        product.worker.start()
    again = await start(seller, list_id, file)
    done = await until_phase(seller, again, "finished")
    assert (done["status"], done["result"]["written"]) == ("done", OFFERS)
    assert await price(seller, "K0") == "99"
    assert await price(seller, f"K{OFFERS - 1}") == "99"
    assert (await seller.get(f"/v1/price-lists/{list_id}"))["published_version"] == 2


def table(header: str, lines: Any) -> bytes:
    return "\n".join([header, *lines, ""]).encode()


async def start(seller: Actor, list_id: str, file: bytes) -> Any:
    return await seller.send(
        "POST",
        "/v1/imports",
        content=file,
        params={"kind": "prices", "price_list_id": list_id, "publish": "true"},
        headers={"Content-Type": "text/csv"},
        expect=202,
    )


async def until_phase(seller: Actor, sent: Any, phase: str) -> Any:
    async with asyncio.timeout(60):
        while True:
            found = await seller.get(f"/v1/imports/{sent['id']}")
            assert found["status"] != "failed", found
            if found["phase"] == phase:
                return found
            await asyncio.sleep(0.05)


async def price(seller: Actor, sku: str) -> str:
    """Tell what one piece costs whoever asks."""
    me = await seller.get("/v1/me")
    line = {"supplier_id": me["company"]["id"], "sku": sku, "quantity": "1"}
    asked = {"currency": "EUR", "lines": [line]}
    checked = await seller.post("/v1/prices/check", asked)
    amount: str = checked["lines"][0]["price"]["amount"]
    return amount
