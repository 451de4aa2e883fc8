"""Which events send mail, to members with which rights, and what it says. Pure.

A text names what happened and where to read it; no price, no name of a rival, nothing that the
recipient's company may not read anyway, for it is made of the event's own payload.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final
from uuid import UUID


class Topic(StrEnum):
    """What a member can switch off, each by itself."""

    INVITATIONS = "invitations"
    AMENDMENTS = "amendments"
    QUESTIONS = "questions"
    DEADLINES = "deadlines"
    AWARDS = "awards"
    AUCTIONS = "auctions"


@dataclass(frozen=True, slots=True)
class Letter:
    """The mail of one kind of event: for members who have `scope`, about `topic`.

    `subject` and `text` are filled with the payload's values; one that is missing reads as "?".
    """

    topic: Topic
    scope: str
    subject: str
    text: str


SELL, BUY = "bids:write", "rfq:write"

LETTERS: Final[Mapping[str, Letter]] = {
    "procedure.published": Letter(
        Topic.INVITATIONS,
        SELL,
        "Invitation to bid: {title}",
        "Your company may bid in {title}. Bids are received before {deadline_at}.",
    ),
    "procedure.amended": Letter(
        Topic.AMENDMENTS,
        SELL,
        "A procedure was amended",
        "What is asked for has changed: {summary} A bid submitted before has to be confirmed or "
        "replaced before {deadline_at}.",
    ),
    "procedure.extended": Letter(
        Topic.DEADLINES,
        SELL,
        "A deadline has moved",
        "Bids are now received before {deadline_at}. {reason}",
    ),
    "procedure.closing_soon": Letter(
        Topic.DEADLINES,
        SELL,
        "A deadline is near: {title}",
        "Bids for {title} are received before {deadline_at}. Who has bid already this mail does "
        "not know.",
    ),
    "procedure.cancelled": Letter(
        Topic.AMENDMENTS, SELL, "A procedure was cancelled", "It ended without a result. {reason}"
    ),
    "procedure.opened": Letter(
        Topic.DEADLINES, BUY, "Bids are open", "The deadline has passed and the bids are open."
    ),
    "procedure.prices_opened": Letter(
        Topic.DEADLINES, BUY, "Prices are open", "The financial envelopes of who passed are open."
    ),
    "question.asked": Letter(
        Topic.QUESTIONS, BUY, "A supplier asks", "A question waits for your answer."
    ),
    "question.answered": Letter(
        Topic.QUESTIONS, SELL, "A question was answered", "A question was answered to all."
    ),
    "bid_extension.requested": Letter(
        Topic.AWARDS,
        SELL,
        "The buyer asks whether your bid may bind longer",
        "It ends {bound_until}; asked is {until}. {reason} Without your yes before it ends your "
        "company is bound no more and cannot win.",
    ),
    "variant.decided": Letter(
        Topic.AWARDS,
        SELL,
        "The buyer has decided on your variant",
        "Read whether it meets the minimum requirements and is taken into account. {reason}",
    ),
    "award.notified": Letter(
        Topic.AWARDS,
        SELL,
        "A lot you bid for is decided",
        "Read whether your company won, and why. Complaints are taken before {standstill_until}.",
    ),
    "award.resumed": Letter(
        Topic.AWARDS,
        SELL,
        "A standstill goes on",
        "The standstill of an award goes on. Complaints are taken before {standstill_until}.",
    ),
    "award.withdrawn": Letter(
        Topic.AWARDS,
        SELL,
        "A proposed award was withdrawn",
        "The award you were told of does not stand; the lot is decided again. {reason}",
    ),
    "award.declined": Letter(
        Topic.AWARDS, BUY, "A winner declined", "A winner declined his award. {reason}"
    ),
    "complaint.filed": Letter(
        Topic.AWARDS, BUY, "A complaint stops an award", "A bidder complains; answer him."
    ),
    "complaint.answered": Letter(
        Topic.AWARDS, SELL, "Your complaint was answered", "The buyer has answered: {status}."
    ),
    "auction.scheduled": Letter(
        Topic.AUCTIONS,
        SELL,
        "Invitation to an auction",
        "Your company takes part in an auction: {title}.",
    ),
    "auction.bid_passed": Letter(
        Topic.AUCTIONS,
        SELL,
        "Your bid no longer leads: {title}",
        "Another bid is ahead of yours in {title}. You may bid lower before {closes_at}.",
    ),
    "auction.cancelled": Letter(
        Topic.AUCTIONS, SELL, "An auction was called off", "An auction was called off. {reason}"
    ),
}


class _Facts(dict[str, Any]):
    def __missing__(self, _key: str) -> str:
        return "?"


def written(
    letter: Letter, payload: Mapping[str, Any], subject_kind: str, subject_id: UUID, url: str
) -> tuple[str, str]:
    """Give subject and text of a mail; values are put in once, so none can name another."""
    facts = _Facts({name: _shown(value) for name, value in payload.items()})
    where = payload.get("procedure_id") or subject_id
    kind = "procedures" if "procedure_id" in payload else PATHS.get(subject_kind, "events")
    subject = letter.subject.format_map(facts)
    text = (
        f"{letter.text.format_map(facts).strip()}\n\n{url}/v1/{kind}/{where}\n\n"
        f"You get this because you may act on it; switch it off ({letter.topic.value}) with "
        f"PUT {url}/v1/me/mail\n"
    )
    return subject, text


PATHS: Final = {"procedure": "procedures", "auction": "auctions"}


def _shown(value: object) -> str:
    return "no instant: it is in force" if value is None else str(value)
