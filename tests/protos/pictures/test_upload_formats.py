import pytest

from protos.pictures.upload_formats import UPLOAD_FORMATS, Coding


@pytest.mark.parametrize(
    ("coding", "name"), [(Coding("webp", 50), "webp-50"), (Coding("avif", 75, 0.5), "avif-75x0.5")]
)
def test_a_coding_is_read_as_it_is_written(coding: Coding, name: str) -> None:
    assert str(coding) == name
    assert Coding.parse(name) == coding


def test_a_side_never_vanishes() -> None:
    assert Coding("jpeg", 75, 0.5).sides(1, 7) == (1, 4)


def test_qualities_fall_so_that_a_split_may_stop_at_one_that_is_too_bad() -> None:
    for kind in UPLOAD_FORMATS.values():
        assert list(kind.qualities) == sorted(kind.qualities, reverse=True)
