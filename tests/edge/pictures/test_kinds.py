"""Every kind of file: the device and the cloud read it as Pillow and transformers do, or both refuse it."""

from collections import Counter

import numpy as np
import pytest

from cloud.admission.pictures import decode_picture as decode_in_the_cloud
from edge.pictures.files import decode_picture
from protos import bundle_pb2 as pb
from protos.errors import PictureError
from protos.pictures.files import inspect
from protos.pictures.files.table import KINDS, ReadBy
from tests.edge.pictures.kinds import files
from tests.edge.pictures.picture_files import Picture, seen

FILES = files()
MANIFEST = pb.Manifest(limits=pb.Limits(max_picture_bytes=1 << 24, max_picture_pixels=1 << 26))
SENT = ("JPEG", "PNG", "WEBP", "AVIF")  # to the cloud, by Pillow's names


def row(data: bytes) -> str:
    """The file's row of the table; "" for bytes that are in none of its kinds."""
    try:
        return inspect(data).kind.name
    except PictureError as error:
        return str(error.facts.get("kind", ""))


ROWS = {name: row(data) for name, data in FILES.items()}
READ = [
    name
    for name in FILES
    if ROWS[name] and KINDS[ROWS[name]].read_by is not ReadBy.NOBODY and not name.startswith("damaged")
]
REFUSED = [name for name in FILES if name not in READ]
# that Pillow refuses, by its header or behind it: values that no file of the kind holds
BROKEN = {
    "PGM as text with a value above its greatest",
    "PGM as text, negative",
    "PGM as text, a value short",
}


@pytest.mark.parametrize("name", [name for name in READ if name not in BROKEN])
def test_a_file_is_what_transformers_see_on_the_device(name: str) -> None:
    device = decode_picture(FILES[name])
    assert device.dtype == np.uint8
    assert difference(device, seen(FILES[name])) <= KINDS[ROWS[name]].rounding


@pytest.mark.parametrize("name", [name for name in READ if KINDS[ROWS[name]].pillow in SENT])
def test_a_file_of_a_kind_that_is_sent_is_in_the_cloud_what_it_is_on_the_device(name: str) -> None:
    device, cloud = decode_picture(FILES[name]), decode_in_the_cloud(FILES[name], MANIFEST)
    assert cloud.dtype == np.uint8
    assert difference(device, cloud) <= KINDS[ROWS[name]].rounding


@pytest.mark.parametrize("name", [name for name in READ if KINDS[ROWS[name]].pillow not in SENT])
def test_a_file_of_another_kind_is_refused_in_the_cloud_with_how_to_convert(name: str) -> None:
    with pytest.raises(PictureError, match="save it as PNG"):
        decode_in_the_cloud(FILES[name], MANIFEST)


@pytest.mark.parametrize("name", [*REFUSED, *sorted(BROKEN)])
def test_what_is_refused_is_refused_by_both_with_a_remedy(name: str) -> None:
    with pytest.raises(PictureError, match=";"):
        decode_picture(FILES[name])
    with pytest.raises(PictureError, match=";"):
        decode_in_the_cloud(FILES[name], MANIFEST)


def test_every_row_of_the_table_has_a_file() -> None:
    assert set(KINDS) <= set(ROWS.values())


def test_most_files_are_read() -> None:
    assert len(READ) - len(BROKEN) > 450
    assert max(Counter(ROWS[name] for name in REFUSED if not name.startswith("damaged")).values()) < 20


def test_an_inexact_row_is_inexact() -> None:
    """A bound that nothing comes near would hide another picture."""
    for kind in KINDS.values():
        if kind.rounding:
            assert any(
                difference(decode_picture(FILES[name]), seen(FILES[name])) > 0
                for name in READ
                if ROWS[name] == kind.name
            )


def test_no_decoder_writes_to_the_users_terminal(capfd: pytest.CaptureFixture[str]) -> None:
    for name in READ:
        if name.startswith(("PNG", "APNG", "TIFF")) and name not in BROKEN:
            decode_picture(FILES[name])
    assert not capfd.readouterr().err


def difference(one: Picture, other: Picture) -> int:
    assert one.shape == other.shape
    return int(np.abs(one.astype(int) - other).max())
