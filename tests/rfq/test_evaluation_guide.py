"""The example of "Evaluate the bids" in the guide is taken as it stands."""

import re
from pathlib import Path

import msgspec

from marketplace.platform.core import Platform
from rfq.procedures.publishing import create_procedure
from rfq.procedures.schemas import ProcedureInput
from rfq.rules.criteria import Method
from tests.rfq.parties import Parties, key

PAGE = Path(__file__).parents[2] / "docs" / "procedures.md"


async def test_the_example_of_the_guide_is_a_draft_that_fits(
    platform: Platform, parties: Parties
) -> None:
    section = PAGE.read_text().split("## Evaluate the bids\n")[1].split("\n## ")[0]
    example = re.findall(r"```json\n(.*?)```", section, re.DOTALL)[0]
    terms = msgspec.to_builtins(await parties.terms())
    data = msgspec.convert({**terms, **msgspec.json.decode(example)}, ProcedureInput)
    made = await create_procedure(platform, parties.buyer, data, key())
    assert made.judging.method is Method.POINTS
    assert [each.weight for each in made.judging.criteria] == ["40", "60", "0"]
    assert [each.code for each in made.requirements] == [None, "ISO-9001"]
