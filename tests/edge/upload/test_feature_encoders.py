from pathlib import Path

import numpy as np
import pytest

from edge.models.head import Head
from edge.pictures.preprocess import Preprocessor
from edge.upload.feature_encoders import FeatureEncoders
from protos import codec
from protos.bundle import Bundle
from protos.errors import BundleDamaged, UnknownName
from tests.edge.pictures.picture_files import scene

Boundary = dict[str, codec.Floats]
CUT = "vision.4"
CODECS = [
    "fitted-1",
    "fitted-2",
    "fitted-3",
    "fitted-4",
    "fitted-5",
    "fitted-6",
    "fitted-7",
    "int8-zstd",
    "fp16-zstd",
]


@pytest.fixture(scope="module")
def boundary(bundle: Bundle) -> Boundary:
    preprocessor = Preprocessor(bundle.manifest.preprocessing)
    return Head(bundle).run(preprocessor.pixels(preprocessor.resize(scene(300, 400))), CUT).boundary


@pytest.mark.parametrize("name", CODECS)
def test_what_crosses_the_wire_is_close_to_the_boundary(
    name: str, bundle: Bundle, boundary: Boundary
) -> None:
    payloads = FeatureEncoders(bundle).encode(CUT, name, boundary)

    received = codec.receiver(bundle.codec(CUT, name), bundle.file).decode(payloads)["hidden"]

    error = np.abs(received - boundary["hidden"][0]).mean() / np.abs(boundary["hidden"]).max()
    # the fitted codec loses most where the tail looks least, so its plain error may be large
    assert error < {"int8-zstd": 0.005, "fp16-zstd": 0.0005}.get(name, 0.15)


def test_coarser_levels_send_fewer_bytes_through_the_same_encoder(bundle: Bundle, boundary: Boundary) -> None:
    senders, levels = FeatureEncoders(bundle), CODECS[:6]

    sizes = [len(senders.encode(CUT, name, boundary)["hidden"]) for name in levels]

    assert sizes == sorted(sizes, reverse=True)
    assert len({bundle.codec(CUT, name).encoder for name in levels}) == 1


def test_every_codec_of_every_cut_can_be_made_ready_at_once(bundle: Bundle) -> None:
    FeatureEncoders(bundle).load()


def test_an_unknown_codec_names_those_that_there_are(bundle: Bundle, boundary: Boundary) -> None:
    with pytest.raises(UnknownName, match="fitted-1, fitted-2"):
        FeatureEncoders(bundle).encode(CUT, "jpeg", boundary)


def test_an_encoder_that_is_not_what_the_manifest_says_is_refused(
    bundle_path: Path, boundary: Boundary
) -> None:
    bundle = Bundle.open(bundle_path)
    bundle.codec(CUT, "fitted-1").encoder = bundle.codec(CUT, "int8-zstd").encoder

    with pytest.raises(BundleDamaged, match="disagree about per-step/hidden"):
        FeatureEncoders(bundle).encode(CUT, "fitted-1", boundary)
