"""The minutes of an opening in two envelopes."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

from marketplace.platform.sheets.reader import Reader, reader_of
from rfq.printouts.minutes import Found, Opening, minutes_sheet
from rfq.rules.bid import Part
from rfq.rules.procedure import Kind
from rfq.rules.proof import Copy

AT = datetime(2026, 3, 1, 12, tzinfo=UTC)
LATER = AT + timedelta(days=3)


def opening(*approvals: tuple[Part, str, datetime]) -> Opening:
    return Opening(
        procedure_id=UUID(int=1),
        kind=Kind.TENDER,
        title="Gloves",
        buyer="Rheinwerk",
        copy=Copy.BUYER,
        deadline_at=AT,
        closed_at=AT,
        opened_at=AT,
        bids_root="00",
        counts={},
        officers=("Ann", "Ben"),
        approvals=approvals,
        lots=(),
        bids=(Found(UUID(int=2), "Acme", AT, "aa", (), {}, "prices stay closed: below 60"),),
    )


def officers(reader: Reader, shown: Opening) -> list[list[str]]:
    (section,) = [
        each for each in minutes_sheet(reader, shown).sections if each.heading == "Officers"
    ]
    (table,) = section.tables
    return [[cell.text for cell in each] for each in table.rows]


def test_who_approved_each_envelope_stands_beside_its_own_time() -> None:
    reader = reader_of(["en"], "UTC")
    first = ((Part.TECHNICAL, "Ann", AT), (Part.TECHNICAL, "Ben", AT))
    both = officers(reader, opening(*first, (Part.FINANCIAL, "Ann", LATER)))
    assert both == [
        ["Ann", reader.instant(AT), reader.instant(LATER)],
        ["Ben", reader.instant(AT), reader.instant(None)],
    ]
    assert officers(reader, opening((Part.WHOLE, "Ann", AT)))[0] == ["Ann", reader.instant(AT)]
