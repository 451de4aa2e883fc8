"""What is served of open data: entries of the feed, records, and packages of both."""

from datetime import datetime
from typing import Final

import msgspec
from msgspec import UNSET, UnsetType

from marketplace.platform.http.schemas import Output
from rfq.ocds.release import VERSION

_EXTENSION: Final = "https://raw.githubusercontent.com/open-contracting-extensions/"
EXTENSIONS: Final = tuple(
    f"{_EXTENSION}{name}/extension.json"
    for name in (
        "ocds_lots_extension/v1.1.5",
        "ocds_bid_extension/v1.1.5",
        "ocds_enquiry_extension/v1.1.5",
        "ocds_bidOpening_extension/master",
        "ocds_techniques_extension/master",
        "ocds_awardCriteriaBreakdown_extension/master",
        "ocds_submissionTerms_extension/master",
    )
)
"""Where the extensions that releases use are described; our own comes with the address we have."""
OWN_EXTENSION: Final = "/v1/open-data/extensions/auction-rounds"


class ReleaseEntry(Output):
    """A release in the feed.

    `sha256` is that of the release's bytes; `chain` that of the chain of the release before (32
    zero bytes before the first) and these bytes: so none of a process can be left out or changed.
    """

    number: int
    published_at: datetime
    ocid: str
    id: str
    date: datetime
    tag: list[str]
    url: str
    sha256: str
    chain: str


class ReleaseFeed(Output):
    """Releases in the order in which they became public.

    `next` is there also where nothing follows yet (`more` is false): ask with it again later.
    """

    items: list[ReleaseEntry]
    next: str
    more: bool


class LinkedRelease(msgspec.Struct, kw_only=True):
    """A release of a record, by its address."""

    url: str
    date: str
    tag: list[str]


class Record(msgspec.Struct, kw_only=True, rename="camel"):
    """All that is public of a process: its releases, and what they come to."""

    ocid: str
    releases: list[LinkedRelease]
    compiled_release: msgspec.Raw


class Publisher(msgspec.Struct, kw_only=True):
    """Who publishes."""

    name: str


class Links(msgspec.Struct, kw_only=True):
    """Where a package goes on."""

    next: str


class Package(msgspec.Struct, kw_only=True, rename="camel"):
    """What packages of releases and of records have in common."""

    uri: str
    version: str = VERSION
    extensions: list[str]
    published_date: str
    publisher: Publisher
    releases: list[msgspec.Raw] | UnsetType = UNSET
    records: list[Record] | UnsetType = UNSET
    links: Links | UnsetType = UNSET
