"""Public holidays of countries and their parts, by the library ``holidays``, in a process apart."""

from collections.abc import Sequence
from datetime import date

from marketplace.kernel.limits import HOLIDAYS_SECONDS_MAX
from marketplace.platform.apart import run_apart


async def public_holidays(region: str, years: Sequence[int]) -> tuple[date, ...] | None:
    """Give the public holidays of a region in these years, in order; None where none are known.

    `region` is a country of ISO 3166-1, or a part of one as in ISO 3166-2: ``FR``, ``DE-BW``.
    Raises Unavailable.
    """
    return await run_apart(_found, region, tuple(years), seconds_max=HOLIDAYS_SECONDS_MAX)


def _found(region: str, years: Sequence[int]) -> tuple[date, ...] | None:
    import holidays  # noqa: PLC0415 - 12 MB that the API's process does not hold

    country, _, part = region.partition("-")
    try:
        found = holidays.country_holidays(country, subdiv=part or None, years=years)
    except NotImplementedError:  # how the library says that it does not know one
        return None
    return tuple(sorted(found))
