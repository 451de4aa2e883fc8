"""Make the mail of an event, once per member, and send it.

An event becomes a job per company in the transaction in which the consumer's place moves on. The
job writes a row per member, unique by event and member, and then sends what has not gone out. A
process that dies between the handing over and the note of it sends that one mail again, under the
same Message-ID: more no mail server allows.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Row, select, update
from sqlalchemy.dialects.postgresql import insert as upsert

from marketplace.kernel.events import PUBLIC
from marketplace.kernel.ids import new_id
from marketplace.mail.rules import LETTERS, Letter, Topic, written
from marketplace.mail.schemas import MailPreferenceInput, MailPreferenceView
from marketplace.mail.tables import MailPreferenceRow, MailRow
from marketplace.organizations.tables import MemberRow, MembershipRow, PersonalDataRow
from marketplace.platform.caller import Caller, Rights
from marketplace.platform.core import Platform
from marketplace.platform.database import Role, Transaction, system_transaction, transaction
from marketplace.platform.jobs import enqueue
from marketplace.platform.mail import Mail, Mailer, MailRefused
from marketplace.platform.outbox import NumberedEvent
from marketplace.platform.tables import EventRow

JOB: Final = "mail.send"


async def tell_members(_platform: Platform, tx: Transaction, event: NumberedEvent) -> None:
    """Have the mail of an event made for each company that may read it: the consumer.

    What everybody may read is sent to nobody: that is what lists are for.
    """
    for organization_id in sorted(event.audience - {PUBLIC}):
        await enqueue(tx, JOB, {"number": event.number, "organization_id": str(organization_id)})


async def send_mail(platform: Platform, payload: Mapping[str, Any]) -> None:
    """Make and send the mail of one event to one company; harmless when started again."""
    organization_id, number = UUID(payload["organization_id"]), int(payload["number"])
    async with system_transaction(platform, Role.API, organization_id=organization_id) as tx:
        event = await tx.maybe(
            select(
                EventRow.kind, EventRow.subject_kind, EventRow.subject_id, EventRow.payload
            ).where(EventRow.number == number)
        )
        letter = None if event is None else LETTERS.get(event.kind)
        if event is None or letter is None:
            return
        rights = platform.get(Rights)
        for member_id in await _recipients(tx, organization_id, letter, rights):
            await tx.execute(
                upsert(MailRow)
                .values(
                    id=new_id(),
                    organization_id=organization_id,
                    member_id=member_id,
                    event_number=number,
                    made_at=await tx.clock(),
                )
                .on_conflict_do_nothing()
            )
        due = await tx.all(_due(organization_id, number))
    subject, text = written(
        letter,
        event.payload,
        event.subject_kind,
        event.subject_id,
        platform.settings.public_url,
    )
    for row in due:
        await _send(platform, organization_id, row.id, subject, text)


def _due(organization_id: UUID, number: int) -> Any:
    return select(MailRow.id).where(
        MailRow.organization_id == organization_id,
        MailRow.event_number == number,
        MailRow.sent_at.is_(None),
        MailRow.refused.is_(None),
    )


async def _recipients(
    tx: Transaction, organization_id: UUID, letter: Letter, rights: Rights
) -> list[UUID]:
    """Give the active members who have the right, an address, and have not switched it off."""
    rows: Sequence[Row[Any]] = await tx.all(
        select(MemberRow.id, MembershipRow.roles, MailPreferenceRow.muted)
        .join(PersonalDataRow, PersonalDataRow.member_id == MemberRow.id)
        .join(MembershipRow, MembershipRow.member_id == MemberRow.id)
        .outerjoin(MailPreferenceRow, MailPreferenceRow.member_id == MemberRow.id)
        .where(
            MemberRow.company_id == organization_id,
            MemberRow.active,
            PersonalDataRow.email.is_not(None),
        )
        .order_by(MemberRow.id)
    )
    wanted = [
        row.id
        for row in rows
        if letter.scope in rights.of(row.roles) and letter.topic.value not in (row.muted or ())
    ]
    return list(dict.fromkeys(wanted))


async def _send(
    platform: Platform, organization_id: UUID, mail_id: UUID, subject: str, text: str
) -> None:
    """Send one mail unless another worker is at it or has done it; its row is held meanwhile."""
    async with system_transaction(platform, Role.API, organization_id=organization_id) as tx:
        row = await tx.maybe(
            select(MailRow.member_id)
            .where(MailRow.id == mail_id, MailRow.sent_at.is_(None), MailRow.refused.is_(None))
            .with_for_update(skip_locked=True)
        )
        if row is None:
            return
        address = await tx.scalar(
            select(PersonalDataRow.email).where(PersonalDataRow.member_id == row.member_id)
        )
        done: dict[str, object] = {"refused": "The member has no address any more."}
        if address is not None:
            mailer = platform.get(Mailer)  # type: ignore[type-abstract]
            try:
                await mailer.send(Mail(mail_id, address, subject, text))
                done = {"sent_at": await tx.clock()}
            except MailRefused as refused:
                done = {"refused": str(refused)}
        await tx.execute(update(MailRow).where(MailRow.id == mail_id).values(done))


async def read_preference(platform: Platform, caller: Caller) -> MailPreferenceView:
    """Read what the caller has switched off."""
    async with transaction(platform, caller) as tx:
        muted = await tx.scalar(
            select(MailPreferenceRow.muted).where(MailPreferenceRow.member_id == caller.member_id)
        )
    return MailPreferenceView(muted=[Topic(each) for each in muted or ()])


async def put_preference(
    platform: Platform, caller: Caller, data: MailPreferenceInput
) -> MailPreferenceView:
    """Switch topics off, and all others on, for the caller alone."""
    muted = sorted({topic.value for topic in data.muted})
    async with transaction(platform, caller) as tx:
        values = {"muted": muted, "changed_at": await tx.clock()}
        await tx.execute(
            upsert(MailPreferenceRow)
            .values(member_id=caller.member_id, organization_id=caller.organization_id, **values)
            .on_conflict_do_update(index_elements=["member_id"], set_=values)
        )
        tx.record("mail_preference.changed", "member", caller.member_id, after={"muted": muted})
    return MailPreferenceView(muted=[Topic(each) for each in muted])
