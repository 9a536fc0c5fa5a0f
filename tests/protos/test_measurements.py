"""What a split measured stands beside the manifest: read for its own bundle only, else stated guesses."""

import json
from pathlib import Path

import pytest

from edge.policy.decision import KnownCloud, Request
from edge.policy.policy import decide
from protos import bundle_pb2 as pb
from protos.bundle import FORMAT, Bundle, write_manifest
from protos.costs.estimates import CloudEstimate, LinkEstimate
from protos.costs.profile import DeviceProfile
from protos.errors import BundleDamaged
from protos.measurements import MEASUREMENTS, assumed, write_measurements


def manifest() -> pb.Manifest:
    codes = pb.CodedTensor(codes=pb.TensorSpec(name="image_tokens", shape=[4, 8]), max_bytes=700)
    return pb.Manifest(
        format=FORMAT,
        model="nano",
        pieces=[pb.Piece(cut="connector", inputs=[pb.TensorSpec(name="pixels", shape=[3, 64, 64])])],
        cuts=[pb.Cut(name="connector", codecs=[pb.Codec(name="int8-zstd", tensors=[codes])])],
        local=pb.Local(decoder="edge/local/decoder.onnx"),
    )


def bundle(folder: Path, measured: pb.Measurements | None = None) -> Bundle:
    digest = write_manifest(folder, manifest())
    if measured:
        write_measurements(folder, measured, digest)
    return Bundle.open(folder)


def test_they_are_no_part_of_the_identity(tmp_path: Path) -> None:
    before = bundle(tmp_path)
    assert before.unmeasured
    found = assumed("", manifest())
    found.accuracy, found.made_with["torch"] = 93.5, "9.9"
    after = bundle(tmp_path, found)
    assert after.digest == before.digest
    assert not after.unmeasured
    assert after.measurements.accuracy == 93.5
    after.check_measured()


def test_those_of_another_bundle_are_not_used(tmp_path: Path) -> None:
    made = bundle(tmp_path, assumed("", manifest()))
    write_measurements(tmp_path, assumed("", manifest()), "f" * 64)
    with pytest.raises(BundleDamaged, match=f"it is of bundle ffffffffffff, this one is {made.digest[:12]}"):
        Bundle.open(tmp_path).check_measured()


def spoil(found: pb.Measurements, how: str) -> None:
    if how == "lacks":
        del found.cuts["connector"].codecs["int8-zstd"]
    elif how == "local answers":
        found.ClearField("local")
    elif how == "tiles":
        found.mean_tiles = 0
    elif how == "larger than the picture":
        found.uploads[0].scale = 1000
    elif how == "mean_bytes is -1":
        found.cuts["connector"].codecs["int8-zstd"].mean_bytes = -1
    else:
        found.cloud_cost.token_milliseconds = float("nan")


@pytest.mark.parametrize(
    "how",
    [
        "lacks",
        "local answers",
        "tiles",
        "larger than the picture",
        "mean_bytes is -1",
        "token_milliseconds is nan",
    ],
)
def test_those_that_cannot_be_right_are_not_used(tmp_path: Path, how: str) -> None:
    found = assumed("", manifest())
    spoil(found, how)
    made = bundle(tmp_path, found)
    assert how in made.unmeasured
    assert made.measurements == assumed(made.digest, manifest())


def test_those_of_an_earlier_format_mean_something_else(tmp_path: Path) -> None:
    bundle(tmp_path, assumed("", manifest()))
    file = tmp_path / MEASUREMENTS
    fields = json.loads(file.read_text())
    del fields["format"]
    file.write_text(json.dumps(fields))
    unmeasured = Bundle.open(tmp_path).unmeasured
    assert "has format 1, this version reads only 2" in unmeasured
    assert f"split the model again: isthmus split -o {tmp_path} --replace" in unmeasured


def test_a_mean_cosine_may_be_negative(tmp_path: Path) -> None:
    found = assumed("", manifest())
    found.uploads[0].accuracy = -3.0
    assert not bundle(tmp_path, found).unmeasured


@pytest.mark.parametrize(
    "text", ["", "[]", "not json", '{"cuts": 3}', "[" * 100_000, "\xff", " " * (5 << 20)]
)
def test_a_file_that_holds_something_else_is_not_used(tmp_path: Path, text: str) -> None:
    made = bundle(tmp_path)
    (tmp_path / MEASUREMENTS).write_text(text, encoding="latin-1")
    with pytest.raises(BundleDamaged, match="copy it from where the bundle was split"):
        Bundle.open(made.path).check_measured()


def test_with_guesses_a_device_still_decides(tmp_path: Path) -> None:
    made = bundle(tmp_path)
    device, cloud = DeviceProfile.from_bundle(made), CloudEstimate.from_measurements(made.measurements)
    fast, slow = LinkEstimate.steady(1e9, 1.0), LinkEstimate.steady(1e3, 1000.0)
    chosen = {
        decide(
            Request(tokens=8), device, [KnownCloud(link, cloud)], made.manifest, made.measurements
        ).arm.kind
        for link in (fast, slow)
    }
    assert "local" in chosen
    arms = decide(Request(), device, [KnownCloud(fast, cloud)], made.manifest, made.measurements).arms
    sizes = {p.arm.kind: p.arm.mean_bytes for p in arms}
    assert sizes["split"] == 700, "a codec sends no more than it may"
    assert sizes["upload"] == 64 * 64 / 4
