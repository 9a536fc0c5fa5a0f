import numpy as np
import pytest

from bench.codec.uploads import QUALITIES, SCALES, Upload, every_upload
from splitter.nano.scenes import picture

IMAGE = picture(3).image


def error(upload: Upload) -> float:
    return float(np.abs(upload.decode(upload.encode(IMAGE)).astype(int) - IMAGE).mean())


@pytest.mark.parametrize("form", QUALITIES)
def test_less_quality_is_fewer_bytes_and_more_error(form: str) -> None:
    best, worst = Upload(form, QUALITIES[form][0]), Upload(form, QUALITIES[form][-1])
    assert error(best) < error(worst) / 1.5
    assert len(best.encode(IMAGE)) > 3 * len(worst.encode(IMAGE))


@pytest.mark.parametrize("form", QUALITIES)
def test_a_smaller_picture_is_decoded_as_small_as_it_was_coded(form: str) -> None:
    assert Upload(form, 50, 0.75).decode(Upload(form, 50, 0.75).encode(IMAGE)).shape == (96, 96, 3)


def test_the_bare_bytes_of_avif_are_those_of_the_coded_picture() -> None:
    upload = Upload("avif", 50)
    data = upload.encode(IMAGE)
    assert len(data) - 400 < upload.bare(data) < len(data) - 100


@pytest.mark.parametrize("form", ["jpeg", "webp"])
def test_other_forms_have_no_container_to_leave_out(form: str) -> None:
    data = Upload(form, 50).encode(IMAGE)
    assert Upload(form, 50).bare(data) == len(data)


def test_every_form_is_tried_at_every_scale() -> None:
    uploads = every_upload()
    assert {(one.form, one.scale) for one in uploads} == {
        (form, scale) for form in QUALITIES for scale in SCALES
    }
    assert len({one.name for one in uploads}) == len(uploads)
    assert {one.curve for one in uploads if one.form == "avif"} == {"avif", "avif x0.75", "avif x0.5"}
