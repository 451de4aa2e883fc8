"""Where servers of tests keep their data: in memory where there is room."""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

MEMORY: Final = Path("/dev/shm")  # noqa: S108 - a file system in memory, not a name to guess
ROOM: Final = 4 * 2**30
"""What must be free there; containers often have 64 MB."""


@contextmanager
def scratch_directory(prefix: str, *, durable: bool = False) -> Iterator[Path]:
    """Give an empty directory that every account may enter, for the length of the block.

    `durable` keeps it on a disk: what is synced to memory proves nothing.
    """
    parent = None if durable or not _has_room() else MEMORY
    directory = Path(tempfile.mkdtemp(prefix=prefix, dir=parent))
    directory.chmod(0o755)
    try:
        yield directory
    finally:
        shutil.rmtree(directory, ignore_errors=True)


def _has_room() -> bool:
    return MEMORY.is_dir() and shutil.disk_usage(MEMORY).free > ROOM
