from pathlib import Path
from typing import Any

import pytest

import isthmus
from bench.rig import bundles
from bench.rig.bundles import cheapest_split, cheapest_upload
from protos import bundle_pb2 as pb
from protos.bundle import FORMAT, MANIFEST, Bundle, write_manifest
from protos.errors import IsthmusError
from protos.measurements import write_measurements
from splitter.recipe import Options, recipe


def measured() -> pb.Measurements:
    made = pb.Measurements(accuracy=93.0)
    made.uploads.add(format="jpeg", quality=90, mean_bytes=4000, accuracy=93.0)
    made.uploads.add(format="jpeg", quality=60, mean_bytes=2000, accuracy=92.1)
    made.uploads.add(format="webp", quality=10, mean_bytes=900, accuracy=88.0)
    codecs = made.cuts["connector"].codecs
    codecs["int8-zstd"].MergeFrom(pb.MeasuredCodec(mean_bytes=2800, accuracy=92.8))
    codecs["fp16-zstd"].MergeFrom(pb.MeasuredCodec(mean_bytes=5600, accuracy=93.0))
    return made


def test_the_baselines_are_the_cheapest_that_lose_at_most_a_point() -> None:
    assert cheapest_upload(measured(), ("jpeg", "webp")).quality == 60
    assert cheapest_split(measured()) == "connector/int8-zstd"


def test_where_none_is_good_enough_the_most_accurate_is_the_baseline() -> None:
    assert cheapest_upload(measured(), ("webp",)).quality == 10


def test_what_was_split_is_not_split_again(
    bundle: Bundle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, split_by = tmp_path / "nano", []

    def split(options: Options, *_: Any, **__: Any) -> Bundle:
        split_by.append(options)
        raise IsthmusError("enough")

    monkeypatch.setattr("splitter.split.split", split)
    isthmus.main(["split", *bundles._arguments(folder)])
    folder.mkdir()
    made = pb.Measurements()
    made.CopyFrom(bundle.measurements)
    made.recipe = recipe(split_by[0])
    digest = write_manifest(folder, bundle.manifest)
    write_measurements(folder, made, digest)
    assert bundles._current(folder)
    write_measurements(folder, bundle.measurements, digest)
    assert not bundles._current(folder)
    (folder / MANIFEST).write_text(
        (folder / MANIFEST).read_text().replace(f'"format": {FORMAT}', '"format": 1')
    )
    assert not bundles._current(folder), "one of an earlier format is made again, not refused"
