"""The report's numbers are of what a device makes: the same pictures, through the device's own parts."""

import json
from pathlib import Path

import numpy as np
import onnx
import pytest

from edge.models.head import Head
from edge.pictures.preprocess import Preprocessor
from edge.upload.feature_encoders import FeatureEncoders
from protos.bundle import Bundle
from splitter.evaluate.subjects import scenes
from splitter.families import family
from splitter.families.loading import load_processor
from splitter.graph.chain import Chain
from splitter.nano.scenes import HELD_OUT_SEEDS, picture

pytestmark = pytest.mark.slow

REPORTED = 12  # pictures that the shared bundle's report is of


def test_the_features_measured_are_those_that_the_devices_head_gives_for_each_picture(
    bundle: Bundle,
) -> None:
    preprocessor, head = Preprocessor(bundle.manifest.preprocessing), Head(bundle)
    pictures = [preprocessor.pixels(picture(HELD_OUT_SEEDS + i).image) for i in range(5)]
    pieces = [onnx.load(bundle.file(piece.path)) for piece in bundle.manifest.pieces]

    measured = Chain(pieces).run(np.concatenate(pictures))

    for entry, arrays in zip(bundle.manifest.cuts, measured, strict=True):
        for index, pixels in enumerate(pictures):
            for name, values in head.run(pixels, entry.name).boundary.items():
                np.testing.assert_array_equal(arrays[f"{entry.name}/{name}"][index], values[0])


def test_the_bytes_reported_are_those_that_a_device_sends(bundle: Bundle, bundle_path: Path) -> None:
    report = json.loads((bundle_path / "report.json").read_text())
    reported = {row["route"]: row["bytes_mean"] for row in report["rows"]}
    kind, processor = family(bundle.manifest.family), load_processor(bundle.folder("cloud"))
    head, encoders, sent = Head(bundle), FeatureEncoders(bundle), dict[str, list[int]]()
    for image in scenes(0, REPORTED).pictures:
        pixels = kind.pixels(processor, [image]).numpy()  # the device's own differ by a rounding
        for cut in bundle.manifest.cuts:
            boundary = head.run(pixels, cut.name).boundary
            for codec in cut.codecs:
                payloads = encoders.encode(cut.name, codec.name, boundary)
                route = f"split@{cut.name}/{codec.name}"
                sent.setdefault(route, []).append(sum(map(len, payloads.values())))
    assert {route: np.mean(sizes) for route, sizes in sent.items()} == {
        route: size for route, size in reported.items() if route.startswith("split@")
    }
