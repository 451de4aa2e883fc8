"""Folders whose tests share what takes long to set up, and what ends with the last of them."""

from contextlib import ExitStack
from typing import Final

JOURNEYS: Final = "tests/journeys/"
FAULTS: Final = "tests/faults/"
TOGETHER: Final = (JOURNEYS, FAULTS, "tests/adventureworks/")

ENDS: Final = {folder: ExitStack() for folder in TOGETHER}
"""A product that ran on would be in the way of other tests, which share its servers, and take
processor time from them. What its fixture opens is put here."""


def folder_of(nodeid: str) -> str | None:
    """Give the folder of these that a test is in."""
    return next((folder for folder in TOGETHER if nodeid.startswith(folder)), None)
