from pathlib import Path

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray

from protos import bundle_pb2 as pb
from protos import codec as wire
from protos.errors import BundleDamaged, PayloadError
from splitter import codecs
from splitter.chain import open_session
from splitter.senders import codes_name

CUT, TENSOR, TOKENS, WIDTH = "vision.1", "hidden", 8, 24


def boundary(count: int, seed: int) -> NDArray[np.float32]:
    """Tokens that lie near a plane of 4 dimensions, around a mean that differs from place to place."""
    fixed, rng = np.random.default_rng(1), np.random.default_rng(seed)
    spread, places = fixed.normal(size=(4, WIDTH)), fixed.normal(size=(TOKENS, WIDTH)) * 5
    return (places + rng.normal(size=(count, TOKENS, 4)) @ spread + 0.05 * rng.normal(size=(count, TOKENS, WIDTH))).astype(np.float32)


class Fitted:
    """A codec of every kind, fitted, its ONNX nodes behind an identity, its files written."""

    def __init__(self, folder: Path) -> None:
        self.codings = codecs.fit({TENSOR: boundary(200, 2)})
        name = f"{CUT}/{TENSOR}"
        values = [onnx.helper.make_tensor_value_info(n, onnx.TensorProto.FLOAT, ["n", TOKENS, WIDTH]) for n in ("x", name)]
        graph = onnx.helper.make_graph([onnx.helper.make_node("Identity", ["x"], [name])], "piece", values[:1], values[1:])
        piece = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 20)], ir_version=10)
        for coding in self.codings:
            coding.add(piece, CUT)
        onnx.checker.check_model(piece)
        self.session = open_session(piece.SerializeToString(), threads=1)
        self.folder = folder

    def specs(self) -> list[pb.Codec]:
        return [coding.describe({TENSOR: boundary(1, 3)}) for coding in self.codings]

    def halves(self, index: int) -> tuple[wire.Codec, wire.Codec]:
        coding, spec = self.codings[index], self.specs()[index]
        paths = []
        for name, arrays in (("sender", coding.sender()), ("receiver", coding.receiver())):
            path = self.folder / f"{coding.name}-{name}.npz"
            np.savez(path, **arrays)  # type: ignore[arg-type]
            paths.append(path if arrays else None)
        return wire.sender(spec, paths[0]), wire.receiver(spec, paths[1])

    def through(self, index: int, values: NDArray[np.float32]) -> tuple[int, NDArray[np.float32]]:
        """Bytes, and what the cloud gets, of one boundary (1, tokens, width)."""
        sender, receiver = self.halves(index)
        (codes,) = self.session.run([codes_name(self.codings[index].name, TENSOR)], {"x": values})
        payload = sender.encode({TENSOR: codes[0]})
        return len(payload[TENSOR]), receiver.decode(payload)[TENSOR]


@pytest.fixture
def fitted(tmp_path: Path) -> Fitted:
    return Fitted(tmp_path)


def test_every_codec_brings_a_boundary_back(fitted: Fitted) -> None:
    values = boundary(1, 9)
    for index, coding in enumerate(fitted.codings):
        _, received = fitted.through(index, values)
        limit = 0.3 if coding.name.startswith("fitted") else 0.02
        centred = values[0] - boundary(200, 2).mean(0)
        assert np.square(received - values[0]).mean() / np.square(centred).mean() < limit, coding.name


def test_a_coarser_level_costs_fewer_bytes_and_loses_more(fitted: Fitted) -> None:
    values = [boundary(1, seed) for seed in range(20, 40)]
    names = [coding.name for coding in fitted.codings]
    assert names[:4] == ["fitted-1", "fitted-2", "fitted-3", "fitted-4"]
    coded = [[fitted.through(index, value) for value in values] for index in range(4)]
    sizes = [sum(size for size, _ in level) for level in coded]
    losses = [sum(float(np.square(r - v[0]).sum()) for (_, r), v in zip(level, values, strict=True)) for level in coded]
    assert sizes == sorted(sizes, reverse=True)
    assert losses == sorted(losses)


def test_fitted_features_cost_a_fraction_of_int8(fitted: Fitted) -> None:
    values = boundary(1, 9)
    plain = next(i for i, coding in enumerate(fitted.codings) if coding.name == "int8-zstd")
    assert fitted.through(1, values)[0] * 4 < fitted.through(plain, values)[0]


def test_values_beyond_what_calibration_saw_saturate(fitted: Fitted) -> None:
    for index in range(len(fitted.codings)):
        _, received = fitted.through(index, 50 * boundary(1, 9))
        assert np.isfinite(received).all()


def test_a_payload_of_another_level_is_refused(fitted: Fitted) -> None:
    (codes,) = fitted.session.run([codes_name("fitted-1", TENSOR)], {"x": boundary(1, 9)})
    payload = fitted.halves(0)[0].encode({TENSOR: codes[0]})
    with pytest.raises(PayloadError, match="send it again"):
        fitted.halves(3)[1].decode(payload)


def test_tables_that_are_cut_off_are_a_damaged_bundle(fitted: Fitted) -> None:
    fitted.halves(0)
    path = fitted.folder / "fitted-1-receiver.npz"
    path.write_bytes(path.read_bytes()[:-200])
    with pytest.raises(BundleDamaged, match="split the model again"):
        wire.receiver(fitted.specs()[0], path)
