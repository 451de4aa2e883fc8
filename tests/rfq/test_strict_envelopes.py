"""Strict procedures with two envelopes: two keys open each, and the second after the first."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import pytest
from click.testing import CliRunner

from marketplace.kernel.errors import InvalidInput, WrongState
from marketplace.platform.core import Platform
from marketplace.platform.http.paging import PageRequest
from marketplace.worker import Worker
from rfq.attachments.sealed import download_attachment, list_attachments
from rfq.bids.schemas import ReceiptView
from rfq.evaluation.listing import list_bids
from rfq.evaluation.rankings import read_ranking
from rfq.key_store import KeyStore, KeyUnusable
from rfq.opening.clock import database_clock
from rfq.opening.commands import check_opening
from rfq.opening.proofs import read_opening
from rfq.procedures.key_schemas import FinancialKeysInput, StrictKeysInput
from rfq.procedures.publishing import publish_procedure
from rfq.rules.bid import Part
from rfq.rules.procedure import Status
from rfq.rules.sealing import Place, Wrapped
from rfq.rules.strict import Holder
from tests.rfq.panels import Panel
from tests.rfq.parties import HOUR, MoveClock, Parties
from tests.rfq.strict_bidders import (
    AUDITOR,
    AUDITORS_SECOND,
    BUYER,
    BUYERS_SECOND,
    ONE_ENVELOPE,
    TWO_ENVELOPES,
    Strict,
    public,
    strict_client,
)
from tests.rfq.tenders import Tender, terms
from tests.support.documents import whole

DRAWING, PRICE_SHEET = b"a drawing of the shelf", b"the sheet with our prices"
ALL = PageRequest(50, None)


async def strict_tender(parties: Parties, directory: Path) -> tuple[Strict, Panel, Any]:
    """A strict procedure of two envelopes, and Anna, who judges."""
    asked = msgspec.structs.replace(await terms(parties), strict=TWO_ENVELOPES)
    draft = await parties.drafted(asked)
    panel = Panel(parties)
    anna = await panel.member()
    await panel.name(draft.id, anna)
    made = await publish_procedure(parties.platform, parties.buyer, draft.id, draft.version)
    return Strict(parties.platform, made, strict_client(), directory), panel, anna


async def with_files(strict: Strict, parties: Parties) -> ReceiptView:
    """Acme's bid, with a drawing in the technical envelope and a sheet in the financial one."""
    acme = parties.acme
    files = [
        await strict.attachment(acme, DRAWING, "drawing.txt", part="technical"),
        await strict.attachment(acme, PRICE_SHEET, "sheet.txt", part="financial"),
    ]
    return await strict.submit(acme, strict.envelope(acme, "3.10", "90", attachments=files))


async def test_prices_stay_sealed_until_the_lock_and_a_second_key_opens_those_who_passed(
    platform: Platform,
    parties: Parties,
    worker: Worker,
    move_clock: MoveClock,
    owner: Any,
    tmp_path: Path,
) -> None:
    strict, _, anna = await strict_tender(parties, tmp_path)
    buyer, id_ = parties.buyer, strict.procedure.id
    acme = await with_files(strict, parties)
    bolt = await strict.submit(parties.bolt, strict.envelope(parties.bolt, "2.90", "95"))
    tender = Tender(parties, strict.procedure, anna, (acme, bolt))
    await move_clock(HOUR)
    await worker.run_until_idle()
    # The keys of the financial envelopes open no technical one, and are not needed yet.
    with pytest.raises(InvalidInput):
        await strict.show(buyer, (Holder.BUYER, BUYERS_SECOND))
    opened = await strict.show(buyer, (Holder.BUYER, BUYER))
    assert opened.status is Status.EVALUATION
    await worker.run_until_idle()
    (drawing,) = (await list_attachments(platform, anna, id_, ALL)).items
    got = await download_attachment(platform, anna, id_, drawing.id)
    assert await whole(got) == DRAWING
    with pytest.raises(WrongState):
        await strict.show(buyer, (Holder.AUDITOR, AUDITORS_SECOND))
    await tender.judged()
    assert (await tender.locked()).status is Status.LOCKED
    await worker.run_until_idle()
    with pytest.raises(InvalidInput) as refusal:
        await strict.show(buyer, (Holder.AUDITOR, AUDITOR))
    assert refusal.value.errors[0].code == "other_key"
    assert await owner.fetchval("select count(*) from opened_prices") == 0
    shown = await strict.show(buyer, (Holder.AUDITOR, AUDITORS_SECOND))
    assert shown.status is Status.EVALUATED
    await worker.run_until_idle()
    ranking = await read_ranking(platform, buyer, id_, strict.procedure.lots[0].id)
    assert [(each.bidder_id, each.score) for each in ranking.items] == [
        (parties.acme.organization_id, "64.8")
    ]
    files = {each.name: each for each in (await list_attachments(platform, buyer, id_, ALL)).items}
    got = await download_attachment(platform, buyer, id_, files["sheet.txt"].id)
    assert await whole(got) == PRICE_SHEET
    # Bolt did not pass: his prices stay closed, and the platform's key is gone.
    listed = {each.bidder_id: each for each in (await list_bids(platform, buyer, id_)).items}
    assert listed[parties.bolt.organization_id].kept_closed is not None
    store = platform.get(KeyStore)  # type: ignore[type-abstract]
    place = Place(id_, parties.bolt.organization_id, 1, Part.FINANCIAL)
    with pytest.raises(KeyUnusable, match="missing"):
        await store.unwrap(id_, [(place, Wrapped(b"", b""))], await database_clock(platform))
    _proves(tmp_path, await read_opening(platform, buyer, id_), (acme, bolt))


def _proves(directory: Path, opening: Any, receipts: tuple[ReceiptView, ...]) -> None:
    """The document of the opening holds, with the receipts, and finds a document that was named."""

    def run(name: str, content: bytes) -> Any:
        paths = [directory / f"receipt-{n}.json" for n in range(len(receipts))]
        for path, receipt in zip(paths, receipts, strict=True):
            path.write_bytes(msgspec.json.encode(receipt))
        file, proof = directory / name, directory / "opening.json"
        file.write_bytes(content)
        proof.write_bytes(msgspec.json.encode(opening))
        asked = [str(proof), "--key", receipts[0].signing_key, "--attachment", str(file)]
        for path in paths:
            asked += ["--receipt", str(path)]
        return CliRunner().invoke(check_opening, asked)

    good = run("sheet.txt", PRICE_SHEET)
    assert good.exit_code == 0, good.output
    assert "financial envelope holds what was committed to" in good.output
    assert good.output.count("binds both envelopes") == len(receipts)
    assert "sheet.txt: named by bid" in good.output
    other = run("sheet.txt", b"the sheet with other prices")
    assert (other.exit_code, "broken sheet.txt" in other.output) == (1, True)


async def test_the_wrong_envelopes_are_refused_or_invalid_and_stop_no_other(
    parties: Parties, move_clock: MoveClock, owner: Any, tmp_path: Path
) -> None:
    strict, _, _ = await strict_tender(parties, tmp_path)
    whole = strict.envelope(parties.acme, "3", "90")
    for wrong, pointer in (
        (msgspec.structs.replace(whole, financial=None), "/financial"),
        (with_other(whole, halves="00"), "/financial/halves"),
        (with_other(whole, ciphertext="00"), "/financial/ciphertext"),
    ):
        with pytest.raises(InvalidInput) as refusal:
            await strict.submit(parties.acme, wrong)
        assert refusal.value.errors[0].pointer == pointer
    await strict.submit(parties.acme, whole)
    # A technical envelope that names what belongs to the prices.
    sheet = await strict.attachment(parties.bolt, PRICE_SHEET, "sheet.txt", part="technical")
    lying = replace(strict, client=strict_client())
    lying.client.divided = lambda *bid: in_the_wrong_envelope(*strict.client.divided(*bid))
    await strict.submit(parties.bolt, lying.envelope(parties.bolt, "2", "90", attachments=[sheet]))
    # An instant without its offset compares with no other.
    naive = strict.envelope(parties.coil, "2", "90", valid_until="2050-01-01T00:00:00")
    await strict.submit(parties.coil, naive)
    await move_clock(HOUR)
    await strict.show(parties.buyer, (Holder.BUYER, BUYER))
    rows = await owner.fetch("select bidder_id, invalid_reason from opened_bids")
    reasons = {row["bidder_id"]: row["invalid_reason"] for row in rows}
    assert reasons[parties.acme.organization_id] is None
    assert "names technical attachments" in reasons[parties.bolt.organization_id]
    assert "no technical part" in reasons[parties.coil.organization_id]


def in_the_wrong_envelope(technical: Any, financial: Any) -> Any:
    moved = [{**each, "part": "financial"} for each in technical["attachments"]]
    return {**technical, "attachments": moved}, financial


@pytest.mark.parametrize(
    ("keys", "apart", "code"),
    [
        (ONE_ENVELOPE, True, "other_envelopes"),
        (TWO_ENVELOPES, False, "other_envelopes"),
        (
            msgspec.structs.replace(
                TWO_ENVELOPES,
                financial=FinancialKeysInput(
                    buyer_key=TWO_ENVELOPES.buyer_key, auditor_key=public(AUDITORS_SECOND)
                ),
            ),
            True,
            "twice",
        ),
    ],
)
async def test_keys_that_would_open_another_envelope_too_are_refused_at_the_draft(
    parties: Parties, keys: StrictKeysInput, code: str, *, apart: bool
) -> None:
    asked = msgspec.structs.replace(await terms(parties), strict=keys, two_envelopes=apart)
    with pytest.raises(InvalidInput) as refusal:
        await parties.drafted(asked)
    assert {each.code for each in refusal.value.errors} == {code}


def with_other(envelope: Any, **changes: str) -> Any:
    financial = msgspec.structs.replace(envelope.financial, **changes)
    return msgspec.structs.replace(envelope, financial=financial)
