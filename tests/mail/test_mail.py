"""Mail that events send: to whom, how often, and as files or over SMTP."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from dataclasses import replace
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any
from uuid import UUID

import pytest
from aiosmtpd.handlers import Sink
from aiosmtpd.smtp import SMTP, Envelope, Session

from marketplace.app import Assembly
from marketplace.kernel.events import PUBLIC, Event
from marketplace.mail.rules import LETTERS, Topic, written
from marketplace.mail.schemas import MailPreferenceInput
from marketplace.mail.service import JOB, put_preference, read_preference, send_mail
from marketplace.platform.core import Platform
from marketplace.platform.database import transaction
from marketplace.platform.mail import FileMailer, Mail, MailRefused, SmtpMailer
from marketplace.platform.settings import Settings, SettingsError
from marketplace.worker import Worker
from tests.support.world import Actor, Company, World

PROCEDURE = UUID(int=7)
TITLE = "Bolts\r\nBcc: thief@example.com {status}"
MAIL = Mail(UUID(int=1), "ann@acme.example", "Bids are open", "Read them.")


async def published(platform: Platform, by: Company, *audience: UUID) -> None:
    facts = {"title": TITLE, "deadline_at": "2026-12-01T10:00:00Z"}
    seen = frozenset([by.id, *audience])
    async with transaction(platform, by.caller) as tx:
        tx.emit(Event("procedure.published", "procedure", PROCEDURE, 2, seen, facts))


def letters(settings: Settings) -> dict[str, EmailMessage]:
    """What lies in the data directory, by its recipient: one mail each, or the test fails."""
    files = sorted((settings.data_directory / "mail").glob("*.eml"))
    read = [message_from_bytes(path.read_bytes(), policy=policy.default) for path in files]
    assert len({message["To"] for message in read}) == len(read)
    return {str(message["To"]): message for message in read}


@pytest.fixture
async def buyer(world: World) -> Company:
    return await world.buyer("Buyer")


@pytest.fixture
async def acme(world: World) -> Company:
    return await world.supplier("Acme")


@pytest.fixture
async def ann(world: World, acme: Company) -> Actor:
    return await world.member(acme, "seller", email="ann@acme.example")


async def test_an_invitation_reaches_who_may_bid_for_an_invited_company_and_nobody_else(
    platform: Platform,
    world: World,
    worker: Worker,
    settings: Settings,
    buyer: Company,
    acme: Company,
    ann: Actor,
) -> None:
    assert ann.company_id == acme.id
    await world.member(acme, "viewer", email="vic@acme.example")
    await world.member(buyer, "purchaser", email="pat@buyer.example")
    uninvited = await world.supplier("Uninvited")
    await world.member(uninvited, "seller", email="una@uninvited.example")
    await published(platform, buyer, acme.id)
    await worker.run_until_idle()
    sent = letters(settings)
    assert set(sent) == {"ann@acme.example"}
    message = sent["ann@acme.example"]
    # A title that tries to be a header, or a template, is words.
    assert message["Subject"] == "Invitation to bid: Bolts Bcc: thief@example.com {status}"
    assert message["Bcc"] is None
    assert "2026-12-01T10:00:00Z" in message.get_content()
    assert f"/v1/procedures/{PROCEDURE}" in message.get_content()


async def test_what_everybody_may_read_is_mailed_to_nobody(
    platform: Platform, worker: Worker, settings: Settings, buyer: Company, ann: Actor
) -> None:
    assert ann.member_id
    await published(platform, buyer, PUBLIC)
    await worker.run_until_idle()
    assert letters(settings) == {}


async def test_who_switched_a_topic_off_gets_no_mail_about_it_and_mail_about_others(
    platform: Platform,
    worker: Worker,
    settings: Settings,
    buyer: Company,
    acme: Company,
    ann: Actor,
) -> None:
    off = MailPreferenceInput(muted=[Topic.INVITATIONS])
    await put_preference(platform, ann.caller, off)
    assert (await read_preference(platform, ann.caller)).muted == [Topic.INVITATIONS]
    assert (await read_preference(platform, acme.caller)).muted == []
    await published(platform, buyer, acme.id)
    await worker.run_until_idle()
    assert letters(settings) == {}
    facts = {"procedure_id": PROCEDURE, "won": True, "standstill_until": None}
    async with transaction(platform, buyer.caller) as tx:
        audience = frozenset([acme.id])
        tx.emit(Event("award.notified", "award_proposal", UUID(int=8), 2, audience, facts))
    await worker.run_until_idle()
    assert set(letters(settings)) == {"ann@acme.example"}


async def test_several_workers_and_repeated_jobs_send_a_mail_once(
    platform: Platform,
    assembly: Assembly,
    worker: Worker,
    buyer: Company,
    acme: Company,
    ann: Actor,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert ann.member_id
    sent: list[Mail] = []
    kept = FileMailer.send

    async def counted(self: FileMailer, mail: Mail) -> None:
        sent.append(mail)
        await kept(self, mail)

    monkeypatch.setattr(FileMailer, "send", counted)
    await published(platform, buyer, acme.id)
    await asyncio.gather(*(Worker(assembly).run_until_idle() for _ in range(3)))
    await worker.run_until_idle()
    again = {"number": 1, "organizations": [str(acme.id)]}
    await asyncio.gather(*(send_mail(platform, again) for _ in range(4)))
    assert [mail.to for mail in sent] == ["ann@acme.example"]


async def test_a_company_whose_mail_fails_holds_up_no_other_and_gets_it_later_once(
    platform: Platform,
    world: World,
    worker: Worker,
    buyer: Company,
    acme: Company,
    ann: Actor,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert ann.member_id
    others = [await world.supplier(f"Other {n}") for n in range(2)]
    for number, other in enumerate(others):
        await world.member(other, "seller", email=f"{number}@other.example")
    sent: list[str] = []
    failing = ["ann@acme.example"]

    async def send(_self: FileMailer, mail: Mail) -> None:
        if mail.to in failing:
            failing.remove(mail.to)
            raise OSError("away")
        sent.append(mail.to)

    monkeypatch.setattr(FileMailer, "send", send)
    begun: list[Mapping[str, Any]] = []
    mailing = worker.jobs[JOB]

    async def counted(platform: Platform, payload: Mapping[str, Any]) -> None:
        begun.append(payload)
        await mailing(platform, payload)

    worker.jobs[JOB] = counted
    await published(platform, buyer, acme.id, *(other.id for other in others))
    await worker.run_until_idle()
    assert failing == []
    assert sorted(sent) == ["0@other.example", "1@other.example", "ann@acme.example"]
    assert sent[-1] == "ann@acme.example"
    assert begun == begun[:1] * 2  # one job for all companies, tried again


def test_each_letter_says_what_happened_without_a_gap_in_its_template() -> None:
    for kind, letter in LETTERS.items():
        subject, text = written(letter, {}, kind.split(".", maxsplit=1)[0], PROCEDURE, "https://m")
        assert subject
        assert "{" not in subject + text
        assert letter.topic.value in text


class Inbox(Sink):
    """A server that keeps what it gets, and refuses one recipient for good."""

    def __init__(self) -> None:
        super().__init__()
        self.got: list[bytes] = []

    async def handle_RCPT(  # noqa: N802 - aiosmtpd's name
        self, _server: SMTP, _session: Session, envelope: Envelope, address: str, _options: Any
    ) -> str:
        if address.startswith("gone"):
            return "550 No such mailbox"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(  # noqa: N802
        self, _server: SMTP, _session: Session, envelope: Envelope
    ) -> str:
        assert isinstance(envelope.content, bytes)
        self.got.append(envelope.content)
        return "250 OK"


@pytest.fixture
async def inbox() -> AsyncIterator[tuple[Inbox, str]]:
    kept = Inbox()
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: SMTP(kept, loop=loop), "127.0.0.1", 0)
    async with server:
        yield kept, f"smtp+plain://127.0.0.1:{server.sockets[0].getsockname()[1]}"


async def test_with_a_server_in_the_settings_mail_goes_there(
    settings: Settings, inbox: tuple[Inbox, str]
) -> None:
    kept, url = inbox
    asked = replace(settings, smtp_url=url, mail_from="Market <no-reply@market.example>")
    mailer = SmtpMailer(url, asked.mail_from)
    await mailer.send(MAIL)
    await mailer.send(MAIL)
    read = [message_from_bytes(each, policy=policy.default) for each in kept.got]
    assert {message["Message-ID"] for message in read} == {f"<{MAIL.id}@market.example>"}
    assert (read[0]["To"], read[0]["Subject"]) == (MAIL.to, MAIL.subject)
    with pytest.raises(MailRefused, match="550"):
        await mailer.send(replace(MAIL, to="gone@acme.example"))


async def test_a_server_that_is_away_is_tried_again_and_no_password_is_sent_bare(
    inbox: tuple[Inbox, str],
) -> None:
    _, url = inbox
    with pytest.raises(OSError, match=r"refused|Connect"):
        await SmtpMailer("smtp+plain://127.0.0.1:1", "a@b.example").send(MAIL)
    # This server offers no STARTTLS, which smtp:// insists on.
    starttls = url.replace("smtp+plain://", "smtp://user:secret@")
    with pytest.raises(OSError, match="STARTTLS"):
        await SmtpMailer(starttls, "a@b.example").send(MAIL)
    with pytest.raises(SettingsError):
        SmtpMailer("http://mail.example.com", "a@b.example")
