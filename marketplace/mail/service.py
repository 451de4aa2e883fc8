"""Make the mail of an event, once per member, and send it.

An event becomes one job for very many companies, in the transaction in which the consumer's place
moves on. The job goes from company to company, each in its own transaction and under its own row
security: it writes a row per member, unique by event and member, and then sends what has not gone
out. A company whose mail fails holds up no other's; the job is then tried again. A process that
dies between the handing over and the note of it sends that one mail again, under the same
Message-ID: more no mail server allows.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Row, bindparam, select, update
from sqlalchemy.dialects.postgresql import insert as upsert

from marketplace.kernel.events import PUBLIC
from marketplace.kernel.ids import new_id
from marketplace.kernel.limits import MAIL_COMPANIES_MAX
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
    """Have the mail of an event made for the companies that may read it: the consumer.

    What everybody may read is sent to nobody: that is what lists are for.
    """
    companies = [str(each) for each in sorted(event.audience - {PUBLIC})]
    for start in range(0, len(companies), MAIL_COMPANIES_MAX):
        some = companies[start : start + MAIL_COMPANIES_MAX]
        await enqueue(tx, JOB, {"number": event.number, "organizations": some})


async def send_mail(platform: Platform, payload: Mapping[str, Any]) -> None:
    """Make and send the mail of one event to these companies; harmless when started again.

    Raises the failures of all companies together, after it has tried each.
    """
    number, failures = int(payload["number"]), []
    for organization_id in map(UUID, payload["organizations"]):
        try:
            await _mail_company(platform, organization_id, number)
        except Exception as error:  # noqa: BLE001 - raised below
            failures.append(error)
    if failures:
        msg = f"mail of event {number}"
        raise ExceptionGroup(msg, failures)


async def _mail_company(platform: Platform, organization_id: UUID, number: int) -> None:
    async with system_transaction(platform, Role.API, organization_id=organization_id) as tx:
        # Most companies' members want none of it: then this one statement is all.
        candidates = await tx.all(_CANDIDATES, {"company": organization_id, "number": number})
        letter = LETTERS.get(candidates[0].kind) if candidates else None
        if letter is None:
            return
        wanted = _recipients(candidates, letter, platform.get(Rights))
        if wanted:
            made = {"organization_id": organization_id, "event_number": number}
            made_at = tx.opened_at
            rows = [
                {"id": new_id(), "member_id": each, "made_at": made_at, **made} for each in wanted
            ]
            await tx.execute(_MAKE, rows)
        due = await tx.all(_DUE, {"company": organization_id, "number": number})
    event = candidates[0]
    subject, text = written(
        letter,
        event.payload,
        event.subject_kind,
        event.subject_id,
        platform.settings.public_url,
    )
    for row in due:
        await _send(platform, organization_id, row.id, subject, text)


_CANDIDATES: Final = (
    select(
        EventRow.kind,
        EventRow.subject_kind,
        EventRow.subject_id,
        EventRow.payload,
        MemberRow.id.label("member_id"),
        MembershipRow.roles,
        MailPreferenceRow.muted,
    )
    .select_from(EventRow)
    .join(MemberRow, MemberRow.company_id == bindparam("company"))
    .join(PersonalDataRow, PersonalDataRow.member_id == MemberRow.id)
    .join(MembershipRow, MembershipRow.member_id == MemberRow.id)
    .outerjoin(MailPreferenceRow, MailPreferenceRow.member_id == MemberRow.id)
    .where(
        EventRow.number == bindparam("number"),
        MemberRow.active,
        PersonalDataRow.email.is_not(None),
    )
    .order_by(MemberRow.id)
)
"""The event, once with each membership of an active member who has an address."""
_MAKE: Final = upsert(MailRow).on_conflict_do_nothing()
_DUE: Final = select(MailRow.id).where(
    MailRow.organization_id == bindparam("company"),
    MailRow.event_number == bindparam("number"),
    MailRow.sent_at.is_(None),
    MailRow.refused.is_(None),
)


def _recipients(candidates: Sequence[Row[Any]], letter: Letter, rights: Rights) -> list[UUID]:
    """Give those who have the right to act on it and have not switched it off."""
    wanted = [
        row.member_id
        for row in candidates
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
