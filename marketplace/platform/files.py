"""Files: uploads and exports, in a store that is a directory, S3, GCS or Azure alike."""

from collections.abc import AsyncIterator
from pathlib import Path
from uuid import UUID

import obstore
from obstore.store import LocalStore

from marketplace.kernel.errors import BodyTooLarge, NotFound


class Files:
    """Stored files by key; keys are ours, never a name from outside."""

    def __init__(self, directory: Path) -> None:
        directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._store = LocalStore(directory, mkdir=True)

    @staticmethod
    def key(kind: str, identifier: UUID) -> str:
        """Make the key of a file."""
        return f"{kind}/{identifier}"

    async def write_stream(self, key: str, chunks: AsyncIterator[bytes], *, bytes_max: int) -> int:
        """Store a stream under `key`, give its size in bytes; nothing stays of one too large."""
        size = 0
        try:
            async with obstore.open_writer_async(self._store, key) as writer:
                async for chunk in chunks:
                    size += len(chunk)
                    if size > bytes_max:
                        raise BodyTooLarge(  # noqa: TRY301 - the writer must close first
                            f"The upload has more than {bytes_max} bytes; send it in parts."
                        )
                    await writer.write(chunk)
        except BaseException:
            await self.delete(key)
            raise
        return size

    async def read_stream(self, key: str) -> AsyncIterator[bytes]:
        """Read a file in chunks of some hundred kilobytes; raises NotFound."""
        try:
            result = await obstore.get_async(self._store, key)
        except FileNotFoundError:
            raise NotFound(f"There is no file {key}.") from None
        async for chunk in result.stream(min_chunk_size=256 * 1024):
            yield bytes(chunk)

    async def delete(self, key: str) -> None:
        """Remove a file; one that is not there is no error."""
        try:
            await obstore.delete_async(self._store, key)
        except FileNotFoundError:
            return
