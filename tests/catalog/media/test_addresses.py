from uuid import UUID

import pytest

from catalog.media.addresses import address_of, as_kept, medium_at, whole
from catalog.products.content import check_media_addresses
from marketplace.kernel.errors import InvalidInput

MEDIUM = UUID("019b8c4e-0000-7000-8000-000000000001")
OURS = f"/v1/media/{MEDIUM}"
AT = "https://market.example.com/"


def test_an_address_that_left_us_whole_names_the_same_medium_when_it_comes_back() -> None:
    assert address_of(MEDIUM) == OURS
    assert whole(OURS, AT) == f"https://market.example.com{OURS}"
    assert as_kept(whole(OURS, AT), AT) == as_kept(OURS, AT) == OURS
    assert medium_at(OURS) == MEDIUM


@pytest.mark.parametrize(
    "address",
    [
        f"https://other.example.com{OURS}",
        f"https://market.example.com.evil.example{OURS}",
        "https://market.example.com/v1/media/6204.jpg",
        f"https://market.example.com{OURS}/x",
        f"https://market.example.com{OURS}?a=b",
    ],
)
def test_all_other_addresses_are_links_and_stay_as_they_are(address: str) -> None:
    assert as_kept(address, AT) == whole(address, AT) == address
    assert medium_at(address) is None


def test_a_path_that_is_no_mediums_is_no_address() -> None:
    check_media_addresses([OURS, "https://media.example.com/a.jpg"])
    with pytest.raises(InvalidInput) as refused:
        check_media_addresses([f"{OURS}0", f"/v1/products/{MEDIUM}", OURS.upper()])
    assert [each.pointer for each in refused.value.errors] == [
        f"/media/{place}/url" for place in range(3)
    ]
