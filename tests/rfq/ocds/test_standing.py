"""Where a procedure stands among the open data: for who may see it, with the reason where not."""

import pytest

from marketplace.kernel.errors import NotFound
from marketplace.worker import Worker
from rfq.ocds.standing import OpenDataState, read_open_data, state_of
from rfq.procedures import publishing
from rfq.rules.procedure import Openness, Status
from tests.rfq.parties import Parties, key


async def test_who_may_see_a_procedure_learns_where_it_is_public_or_why_it_is_not(
    parties: Parties, worker: Worker
) -> None:
    platform = parties.platform
    draft = await publishing.create_procedure(
        platform, parties.buyer, await parties.terms(openness=Openness.OPEN), key()
    )
    private = await parties.published()
    made = await parties.published(await parties.terms(openness=Openness.OPEN))
    just = await read_open_data(platform, parties.coil, made.id)
    assert (just.state, just.record) == (OpenDataState.NOT_YET, None)
    await worker.run_until_idle()
    found = {
        each.id: await read_open_data(platform, parties.buyer, each.id)
        for each in (draft, private, made)
    }
    assert found[draft.id].state is OpenDataState.NOT_YET
    assert (found[private.id].state, found[private.id].ocid) == (OpenDataState.PRIVATE, None)
    public = found[made.id]
    assert public.state is OpenDataState.PUBLISHED
    assert public.ocid is not None
    assert public.record == f"{platform.settings.public_url}/v1/open-data/records/{public.ocid}"
    assert public.releases == 1
    with pytest.raises(NotFound):
        await read_open_data(platform, parties.coil, draft.id)


def test_what_is_older_than_open_data_says_so() -> None:
    older = state_of(Openness.OPEN, Status.AWARDED, known=False, recent=False)
    assert older is OpenDataState.BEFORE
