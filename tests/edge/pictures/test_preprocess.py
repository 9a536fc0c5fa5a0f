import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from transformers.image_transforms import center_crop
from transformers.image_transforms import get_resize_output_image_size as shortest_edge_size
from transformers.models.idefics3.image_processing_pil_idefics3 import get_resize_output_image_size

from edge.pictures.files import decode_picture
from edge.pictures.preprocess import Preprocessor, crop
from protos import bundle_pb2 as pb
from protos.errors import BundleDamaged, PictureError
from protos.pictures.sizes import target_size
from splitter.nano.model import processor
from tests.edge.pictures.kinds import files
from tests.edge.pictures.picture_files import Picture, opened, saved, scene

FILES = files()
SPEC = pb.Preprocessing(
    resizes=[
        pb.Resize(filter=pb.Resize.LANCZOS, longest_edge=128),
        pb.Resize(filter=pb.Resize.LANCZOS, height=128, width=128),
    ],
    rescale=1 / 255,
    mean=[0.5, 0.5, 0.5],
    std=[0.5, 0.5, 0.5],
)


@pytest.fixture(scope="module")
def reference():  # type: ignore[no-untyped-def] # noqa: ANN201
    return processor().image_processor


@pytest.mark.parametrize(
    "name", ["JPEG turned 6 by EXIF in < order", "PNG RGBA of 8 bits", "GIF of P", "WebP"]
)
def test_a_file_becomes_what_the_checkpoints_processor_makes_of_it(name: str, reference) -> None:  # type: ignore[no-untyped-def] # noqa: ANN001
    data = FILES.get(name) or saved(Image.fromarray(scene()), name)

    resized = Preprocessor(SPEC).resize(decode_picture(data))

    assert resized.shape == (128, 128, 3)
    assert np.abs(resized - _before_normalisation(reference, opened(data))).max() < 1e-3


def test_pixels_are_normalised_planes(reference) -> None:  # type: ignore[no-untyped-def] # noqa: ANN001
    picture = scene(200, 300)
    preprocessor = Preprocessor(SPEC)

    pixels = preprocessor.pixels(preprocessor.resize(picture))

    expected = reference(Image.fromarray(picture), return_tensors="np")["pixel_values"][0]
    assert pixels.shape == (1, 3, 128, 128)
    assert pixels.dtype == np.float32
    assert np.abs(pixels - expected).max() < 1e-6


@given(
    height=st.integers(1, 6000), width=st.integers(1, 6000), longest=st.sampled_from([128, 364, 1456, 5000])
)
def test_the_longest_edge_rounds_as_the_processor_does(height: int, width: int, longest: int) -> None:
    image = np.broadcast_to(np.uint8(0), (3, height, width))

    expected = get_resize_output_image_size(image, resolution_max_side=longest)

    assert target_size(pb.Resize(longest_edge=longest), height, width) == expected


@given(
    height=st.integers(1, 6000), width=st.integers(1, 6000), shortest=st.sampled_from([56, 224, 336, 1021])
)
def test_the_shortest_edge_rounds_as_the_processor_does(height: int, width: int, shortest: int) -> None:
    image = np.broadcast_to(np.uint8(0), (3, height, width))

    expected = shortest_edge_size(image, shortest, default_to_square=False)

    assert target_size(pb.Resize(shortest_edge=shortest), height, width) == expected


@given(
    size=st.tuples(st.integers(1, 40), st.integers(1, 40)),
    target=st.tuples(st.integers(1, 40), st.integers(1, 40)),
)
def test_a_crop_is_the_processors(size: tuple[int, int], target: tuple[int, int]) -> None:
    picture = np.random.default_rng(0).integers(1, 256, (*size, 3), np.uint8)

    expected = center_crop(picture, target, input_data_format="channels_last")

    assert np.array_equal(crop(picture, *target), expected)


def test_a_picture_that_would_grow_without_bound_is_refused() -> None:
    growing = pb.Preprocessing(
        rescale=1.0,
        mean=[0] * 3,
        std=[1] * 3,
        resizes=[pb.Resize(filter=pb.Resize.BICUBIC, shortest_edge=224)],
    )

    with pytest.raises(PictureError, match="201 x 4"):
        Preprocessor(growing).resize(scene(4, 201))


def test_a_picture_of_the_right_size_is_left_as_it_is() -> None:
    assert np.array_equal(Preprocessor(SPEC).resize(scene(128, 128)), scene(128, 128))


@pytest.mark.parametrize(
    "broken",
    [
        pb.Preprocessing(rescale=1.0, mean=[0.5], std=[0.5]),
        pb.Preprocessing(rescale=1.0, mean=[0, 0, 0], std=[1, 0, 1]),
        pb.Preprocessing(rescale=1.0, mean=[0, 0, 0], std=[1, 1, 1], resizes=[pb.Resize(height=8, width=8)]),
        pb.Preprocessing(rescale=1.0, mean=[0, 0, 0], std=[1, 1, 1], crop_height=8),
        pb.Preprocessing(
            rescale=1.0,
            mean=[0, 0, 0],
            std=[1, 1, 1],
            resizes=[pb.Resize(filter=pb.Resize.BICUBIC, height=8)],
        ),
    ],
)
def test_a_manifest_that_cannot_be_followed_is_refused(broken: pb.Preprocessing) -> None:
    with pytest.raises(BundleDamaged, match="split"):
        Preprocessor(broken)


def _before_normalisation(reference, image: Image.Image) -> Picture:  # type: ignore[no-untyped-def] # noqa: ANN001
    pixels = reference(image, return_tensors="np")["pixel_values"][0, 0]
    return np.asarray((pixels * 0.5 + 0.5) * 255).transpose(1, 2, 0)
