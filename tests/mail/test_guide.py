"""What the guides say of awards and mail is what the product takes."""

import json
import re
from pathlib import Path

import msgspec

from marketplace.mail.schemas import MailPreferenceInput
from rfq.awards.schemas import AwardInput
from rfq.procedures.schemas import ProcedureInput

DOCS = Path(__file__).parents[2] / "docs"


def test_the_settings_of_awards_in_the_guide_are_fields_of_a_draft() -> None:
    text = (DOCS / "procedures.md").read_text().split("## Award a lot")[1].split("\n## ")[0]
    fields = {each.name: each.type for each in msgspec.structs.fields(ProcedureInput)}
    named = re.findall(r"`(award_division|award_shares|standstill_days|signatures): ([^`]+)`", text)
    assert len(named) == 5
    for name, value in named:
        given = value if value[0] in "[0123456789tf" else f'"{value}"'
        msgspec.json.decode(given, type=fields[name])
    said = {"lot_id", "last_day", "bid_ids", "lines", "reason"}
    assert said <= {each.name for each in msgspec.structs.fields(AwardInput)}
    assert all(f"`{name}`" in text for name in said)


def test_the_example_of_switching_mail_off_is_one_that_is_taken() -> None:
    text = (DOCS / "procedures.md").read_text()
    (body,) = re.findall(r"`(\{\"muted\": [^`]+)`", text)
    assert msgspec.convert(json.loads(body), MailPreferenceInput).muted
