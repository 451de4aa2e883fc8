"""Files sealed chunk by chunk by the documented client."""

from pathlib import Path
from uuid import UUID

import pytest

from marketplace.kernel.errors import InvalidInput
from rfq.rules.sealing import Broken
from rfq.rules.strict_files import CHUNK_BYTES, check_sealed_size, open_sealed
from tests.rfq.strict_bidders import strict_client

PROCEDURE, BIDDER = UUID(int=1), UUID(int=2)
STEP = CHUNK_BYTES + 16


def sealed(directory: Path, content: bytes) -> tuple[bytes, bytes, str]:
    plain, target = directory / "plain", directory / "sealed"
    plain.write_bytes(content)
    with plain.open("rb") as source, target.open("wb") as out:
        shown = {"id": str(PROCEDURE)}
        file = strict_client().seal_file(source, out, shown, str(BIDDER))
    return target.read_bytes(), bytes.fromhex(file.named["key"]), file.named["sha256"]


@pytest.mark.parametrize("size", [0, 1, CHUNK_BYTES - 4, CHUNK_BYTES - 3, 3 * CHUNK_BYTES + 7])
def test_what_the_client_seals_opens_at_every_size_and_its_size_is_taken(
    tmp_path: Path, size: int
) -> None:
    content = bytes(n % 251 for n in range(size))
    body, key, sha256 = sealed(tmp_path, content)
    if size:
        check_sealed_size(len(body))
    assert open_sealed(body, PROCEDURE, BIDDER, key, sha256) == content


def test_chunks_that_were_dropped_moved_or_cut_off_do_not_open(tmp_path: Path) -> None:
    body, key, sha256 = sealed(tmp_path, bytes(4 * CHUNK_BYTES))
    first, second, rest = body[:STEP], body[STEP : 2 * STEP], body[2 * STEP :]
    for changed in (second + first + rest, first + rest, first + second, body[:-1], body[STEP:]):
        assert isinstance(open_sealed(changed, PROCEDURE, BIDDER, key, sha256), Broken)
    for place in ((PROCEDURE, PROCEDURE), (BIDDER, BIDDER)):
        assert isinstance(open_sealed(body, *place, key, sha256), Broken)
    assert isinstance(open_sealed(body, PROCEDURE, BIDDER, key, "00" * 32), Broken)
    assert isinstance(open_sealed(b"", PROCEDURE, BIDDER, key, sha256), Broken)


@pytest.mark.parametrize("size", [0, 16, 20, 1_001 + 16, CHUNK_BYTES + 16 + 16, 2 * CHUNK_BYTES])
def test_a_size_that_no_padded_file_has_is_refused(size: int) -> None:
    with pytest.raises(InvalidInput):
        check_sealed_size(size)
