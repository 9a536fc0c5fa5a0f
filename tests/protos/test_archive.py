"""An archive that is not the one wanted, or larger than is allowed, is refused; unpacking is tested with
packing.
"""

import io
import tarfile
from pathlib import Path

import pytest

from protos.archive import unpack
from protos.bundle import Bundle
from protos.errors import BundleDamaged
from splitter.storage.archive import pack


@pytest.fixture
def archive(bundle: Bundle, tmp_path: Path) -> Path:
    pack(bundle, tmp_path / "nano.tar", edge=True)
    return tmp_path / "nano.tar"


def test_the_bundle_that_is_wanted_is_unpacked_and_no_other(
    bundle: Bundle, archive: Path, tmp_path: Path
) -> None:
    with pytest.raises(BundleDamaged, match=f"it holds bundle {bundle.digest[:12]}, not 000000000000"):
        unpack(archive, tmp_path / "there", digest="0" * 64)
    assert not (tmp_path / "there").exists()
    assert unpack(archive, tmp_path / "there", digest=bundle.digest).digest == bundle.digest


def test_no_more_is_written_than_is_allowed(archive: Path, tmp_path: Path) -> None:
    with pytest.raises(BundleDamaged, match="it holds more than 1000 bytes, which are allowed"):
        unpack(archive, tmp_path / "there", max_bytes=1000)
    assert not (tmp_path / "there").exists()


def test_a_header_that_would_fill_the_memory_is_not_read(tmp_path: Path) -> None:
    member = tarfile.TarInfo("long")
    member.type, member.size = tarfile.XHDTYPE, 1 << 40
    with (tmp_path / "bomb.tar").open("wb") as stream:
        stream.write(member.tobuf(tarfile.GNU_FORMAT))
        stream.write(io.BytesIO(bytes(1024)).read())
    with pytest.raises(BundleDamaged, match="a header of 1099511627776 bytes"):
        unpack(tmp_path / "bomb.tar", tmp_path / "there")
