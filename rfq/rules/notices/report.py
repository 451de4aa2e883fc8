"""What became of a notice: what was taken over, what was not, and what is left to decide."""

from enum import StrEnum

import msgspec


class NoticeFormat(StrEnum):
    """What a notice is written in."""

    OCDS = "ocds"
    EFORMS = "eforms"


class Why(StrEnum):
    """Why something of a notice is not in the draft."""

    NO_PLACE = "no_place"
    """A procedure here has no field for it."""
    OTHER_LANGUAGE = "other_language"
    """A procedure has one text; this one is in another language than the notice's first."""
    UNUSABLE = "unusable"
    """It has a field, and its value does not fit there; a decision says what stands there now."""
    SAID_BEFORE = "said_before"
    """The field has its value from another part of the notice."""


class MappedField(msgspec.Struct, frozen=True):
    """One part of the notice that is in the draft: whence, whereto, and as what."""

    source: str
    field: str
    value: str
    note: str | None = None


class UnmappedField(msgspec.Struct, frozen=True):
    """One part of the notice that is not in the draft."""

    source: str
    value: str
    reason: Why


class NoticeDecision(msgspec.Struct, frozen=True):
    """What the buyer still decides or checks before he publishes; `fields` are the draft's."""

    code: str
    detail: str
    fields: list[str]


class NoticeDocument(msgspec.Struct, frozen=True):
    """A document the notice names. It is not fetched: upload it to the draft if it is to be there.

    `title` and `address` are what the notice says, unchecked.
    """

    source: str
    title: str
    address: str


class NoticeReport(msgspec.Struct, frozen=True, kw_only=True):
    """What became of a notice. Lists end at a bound; the counts count all there is.

    `notice_id` and `kind` are the notice's own words: of eForms its type, of OCDS its tags.
    """

    format: NoticeFormat
    notice_id: str
    process_id: str
    kind: str
    dated: str
    language: str
    other_languages: list[str]
    mapped: list[MappedField]
    mapped_count: int
    unmapped: list[UnmappedField]
    unmapped_count: int
    decisions: list[NoticeDecision]
    documents: list[NoticeDocument]
