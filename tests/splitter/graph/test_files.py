from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import numpy_helper

from edge.models import runtime
from protos import bundle_pb2 as pb
from protos.bundle import FORMAT, Bundle, write_manifest
from protos.errors import BundleDamaged
from splitter.graph.chain import Chain
from splitter.graph.files import file_bytes, save
from tests.splitter.quantize.graphs import pixels, tower


def test_a_small_piece_is_one_file(tmp_path: Path) -> None:
    save(tower(), tmp_path / "00-connector.onnx")
    assert [path.name for path in tmp_path.iterdir()] == ["00-connector.onnx"]


def test_what_a_file_will_take_is_told_without_making_it() -> None:
    assert file_bytes(tower()) == pytest.approx(len(tower().SerializeToString()), rel=0.01)


def test_a_large_piece_keeps_its_weights_in_one_file_beside_it(tmp_path: Path) -> None:
    piece = tower()

    save(piece, tmp_path / "00-connector.onnx", max_inside=100_000)

    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "00-connector.onnx",
        "00-connector.onnx.weights",
    ]
    assert (tmp_path / "00-connector.onnx").stat().st_size < 5_000
    read = onnx.load(tmp_path / "00-connector.onnx").graph
    assert list(read.node) == list(piece.graph.node)
    weights = {tensor.name: numpy_helper.to_array(tensor) for tensor in read.initializer}
    assert weights.keys() == {tensor.name for tensor in piece.graph.initializer}
    for tensor in piece.graph.initializer:
        np.testing.assert_array_equal(weights[tensor.name], numpy_helper.to_array(tensor))


def test_a_device_runs_a_piece_with_its_weights_beside_it(tmp_path: Path) -> None:
    save(tower(), tmp_path / "piece.onnx", max_inside=100_000)

    (given,) = runtime.session(tmp_path / "piece.onnx").run(["connector/image_tokens"], {"pixels": pixels(1)})

    np.testing.assert_array_equal(given, Chain([tower()]).run(pixels(1))[0]["connector/image_tokens"])


@pytest.mark.parametrize("max_inside", [1 << 30, 100_000])
def test_a_piece_can_still_be_run_after_it_was_saved(tmp_path: Path, max_inside: int) -> None:
    piece = tower()
    save(piece, tmp_path / "piece.onnx", max_inside)
    assert Chain([piece]).run(pixels(1))[0]["vision.1/hidden"].shape == (1, 4, 64)


def test_weights_beside_a_piece_are_checked_with_it(tmp_path: Path) -> None:
    save(tower(), tmp_path / "piece.onnx", max_inside=100_000)
    write_manifest(tmp_path, pb.Manifest(format=FORMAT, pieces=[pb.Piece(path="piece.onnx")]))
    assert Bundle.open(tmp_path).file("piece.onnx") == tmp_path / "piece.onnx"

    weights = bytearray((tmp_path / "piece.onnx.weights").read_bytes())
    weights[-1] ^= 1
    (tmp_path / "piece.onnx.weights").write_bytes(bytes(weights))

    with pytest.raises(BundleDamaged, match=r"piece\.onnx\.weights has digest"):
        Bundle.open(tmp_path).file("piece.onnx")
