"""What is no valid notice is refused with all its reasons, each with its place and words."""

from datetime import UTC, datetime

import pytest

from marketplace.kernel.errors import FieldError, InvalidInput
from rfq.rules.notices.importing import draft_of
from tests.rfq.notices.builders import Lot, Notice, as_json, release
from tests.rfq.notices.variety import refused

NOW = datetime(2026, 11, 1, tzinfo=UTC)
REFUSED = list(refused())


def reasons(data: bytes) -> tuple[FieldError, ...]:
    with pytest.raises(InvalidInput) as caught:
        draft_of(data, NOW, "EUR")
    return caught.value.errors


@pytest.mark.parametrize(("data", "codes"), [r[1:] for r in REFUSED], ids=[r[0] for r in REFUSED])
def test_it_is_refused_with_its_reasons(data: bytes, codes: set[str]) -> None:
    found = reasons(data)
    assert {each.code for each in found}
    assert {each.code for each in found} <= codes
    assert all(len(each.detail) > 10 for each in found)


def test_a_hundred_things_wrong_give_a_hundred_reasons_with_their_lines() -> None:
    lots = [Lot(f"LOT-{number:04}", quantity=("many", "KGM")) for number in range(100)]
    text = (
        Notice(lots).xml().replace("<cac:ProcurementProjectLot>", "\n<cac:ProcurementProjectLot>")
    )
    found = reasons(text.encode())
    assert len(found) == 100
    last = found[-1]
    assert last.pointer.startswith("/ContractNotice/cac:ProcurementProjectLot[100]/")
    assert last.pointer.endswith("/cbc:EstimatedOverallContractQuantity")
    assert last.detail.startswith("Line 101: ")
    assert "'many (unitCode KGM)'" in last.detail


def test_reasons_of_a_release_point_at_their_places() -> None:
    wrong = release({"title": 5, "items": [{"id": "1", "quantity": "5"}, {"quantity": 1}]})
    found = reasons(as_json(wrong))
    assert [(each.pointer, each.code) for each in found] == [
        ("/tender/title", "not_a_text"),
        ("/tender/items/1", "missing"),
        ("/tender/items/0/quantity", "not_a_number"),
    ]


def test_names_with_slashes_are_pointed_at_as_json_pointers_are() -> None:
    [found] = reasons(b'{"a/b~c": {"x": 1, "x": 2}}')
    assert found.pointer == "/a~1b~0c/x"


def test_no_file_of_the_machine_gets_into_a_refusal() -> None:
    entity = '<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/hostname">]>'
    text = entity + Notice(title="&a;").xml()
    for data in (text.encode(), text.encode("utf-16")):
        [found] = reasons(data)
        assert found.code == "entities_refused"
