from pathlib import Path
from typing import Any

import pytest

import isthmus
from bench.rig import bundles
from bench.rig.bundles import cheapest_split, cheapest_upload
from protos import bundle_pb2 as pb
from protos.bundle import Bundle, write_manifest
from protos.errors import IsthmusError
from splitter.recipe import Options, recipe


def manifest() -> pb.Manifest:
    made = pb.Manifest(accuracy=93.0)
    made.uploads.add(format="jpeg", quality=90, mean_bytes=4000, accuracy=93.0)
    made.uploads.add(format="jpeg", quality=60, mean_bytes=2000, accuracy=92.1)
    made.uploads.add(format="webp", quality=10, mean_bytes=900, accuracy=88.0)
    cut = made.cuts.add(name="connector")
    cut.codecs.add(name="int8-zstd", mean_bytes=2800, accuracy=92.8)
    cut.codecs.add(name="fp16-zstd", mean_bytes=5600, accuracy=93.0)
    return made


def test_the_baselines_are_the_cheapest_that_lose_at_most_a_point() -> None:
    assert cheapest_upload(manifest(), ("jpeg", "webp")).quality == 60
    assert cheapest_split(manifest()) == "connector/int8-zstd"


def test_where_none_is_good_enough_the_most_accurate_is_the_baseline() -> None:
    assert cheapest_upload(manifest(), ("webp",)).quality == 10


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
    made = pb.Manifest()
    made.CopyFrom(bundle.manifest)
    made.recipe = recipe(split_by[0])
    write_manifest(folder, made)
    assert bundles._current(folder)
    made.recipe = bundle.manifest.recipe
    write_manifest(folder, made)
    assert not bundles._current(folder)
