import numpy as np
import pytest

from bench.codec.candidates.uploads import QUALITIES, SCALES, Upload, every_upload
from splitter.nano.scenes import picture

IMAGE = picture(3).image


def error(upload: Upload) -> float:
    return float(np.abs(upload.decode(upload.encode(IMAGE)).astype(int) - IMAGE).mean())


@pytest.mark.parametrize("name", QUALITIES)
def test_less_quality_is_fewer_bytes_and_more_error(name: str) -> None:
    best, worst = Upload(name, QUALITIES[name][0]), Upload(name, QUALITIES[name][-1])
    assert error(best) < error(worst) / 1.5
    assert len(best.encode(IMAGE)) > 3 * len(worst.encode(IMAGE))


@pytest.mark.parametrize("name", QUALITIES)
def test_a_smaller_picture_is_decoded_as_small_as_it_was_coded(name: str) -> None:
    assert Upload(name, 50, 0.75).decode(Upload(name, 50, 0.75).encode(IMAGE)).shape == (96, 96, 3)


def test_the_bare_bytes_of_avif_are_those_of_the_coded_picture() -> None:
    upload = Upload("avif", 50)
    data = upload.encode(IMAGE)
    assert len(data) - 400 < upload.bare(data) < len(data) - 100


@pytest.mark.parametrize("name", ["jpeg", "webp"])
def test_other_formats_have_no_container_to_leave_out(name: str) -> None:
    data = Upload(name, 50).encode(IMAGE)
    assert Upload(name, 50).bare(data) == len(data)


def test_every_format_is_tried_at_every_scale() -> None:
    uploads = every_upload()
    assert {(one.format, one.scale) for one in uploads} == {
        (name, scale) for name in QUALITIES for scale in SCALES
    }
    assert len({one.name for one in uploads}) == len(uploads)
    assert {one.curve for one in uploads if one.format == "avif"} == {"avif", "avif x0.75", "avif x0.5"}
