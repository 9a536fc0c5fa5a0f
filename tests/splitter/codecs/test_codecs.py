from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from protos import bundle_pb2 as pb
from protos import codec as wire
from protos.errors import BundleDamaged, IsthmusError, PayloadError
from splitter.codecs import encoders
from splitter.codecs.coding import write
from splitter.codecs.kind import Calibration, codec_kinds
from splitter.codecs.kinds.fitted import DISTORTIONS
from splitter.codecs.levels import fitted_transforms, steps_of
from splitter.graph.chain import open_session

CUT, TENSOR, TOKENS, WIDTH = "vision.1", "hidden", 8, 24


def boundary(count: int, seed: int) -> NDArray[np.float32]:
    """Tokens that lie near a plane of 4 dimensions, around a mean that differs from place to place."""
    fixed, rng = np.random.default_rng(1), np.random.default_rng(seed)
    spread, places = fixed.normal(size=(4, WIDTH)), fixed.normal(size=(TOKENS, WIDTH)) * 5
    return (
        places + rng.normal(size=(count, TOKENS, 4)) @ spread + 0.05 * rng.normal(size=(count, TOKENS, WIDTH))
    ).astype(np.float32)


class Fitted:
    """A codec of every kind, fitted, its files written into a folder that stands for a bundle."""

    def __init__(self, folder: Path, *tensors: str) -> None:
        self.folder, self.tensors = folder, tensors
        calibration = {tensor: boundary(200, 2 + i) for i, tensor in enumerate(tensors)}
        kinds = codec_kinds(["fitted", "int8-zstd", "fp16-zstd"])
        codings = [coding for kind in kinds for coding in kind.fit(Calibration(calibration))]
        self.entry = pb.Cut(
            name=CUT, codecs=[coding.describe({t: boundary(1, 3) for t in tensors}) for coding in codings]
        )
        for name in ("edge", "cloud"):
            (folder / name).mkdir()
        write(self.entry, codings, folder)

    def spec(self, name: str) -> pb.Codec:
        return next(spec for spec in self.entry.codecs if spec.name == name)

    def codes(self, name: str, values: NDArray[np.float32]) -> dict[str, wire.Codes]:
        """What the encoder makes of one boundary (1, tokens, width), the same for each tensor."""
        spec = self.spec(name)
        session = open_session((self.folder / spec.encoder).read_bytes(), threads=1) if spec.encoder else None
        made = encoders.run(
            session, wire.sender(spec, self.folder.joinpath), dict.fromkeys(self.tensors, values)
        )
        return {tensor: codes[0] for tensor, codes in made.items()}

    def payloads(self, name: str, values: NDArray[np.float32]) -> dict[str, bytes]:
        return wire.sender(self.spec(name), self.folder.joinpath).encode(self.codes(name, values))

    def receiver(self, name: str) -> wire.Codec:
        return wire.receiver(self.spec(name), self.folder.joinpath)

    def through(self, name: str, values: NDArray[np.float32]) -> tuple[int, NDArray[np.float32]]:
        """Bytes, and what the cloud gets, of one boundary (1, tokens, width)."""
        payloads = self.payloads(name, values)
        return len(payloads[TENSOR]), self.receiver(name).decode(payloads)[TENSOR]


LEVELS = ["fitted-1", "fitted-2", "fitted-3", "fitted-4", "fitted-5", "fitted-6", "fitted-7"]
ALL = [*LEVELS, "int8-zstd", "fp16-zstd"]


@pytest.fixture
def fitted(tmp_path: Path) -> Fitted:
    return Fitted(tmp_path, TENSOR)


def test_every_cut_has_every_codec(fitted: Fitted) -> None:
    assert [spec.name for spec in fitted.entry.codecs] == ALL


@pytest.mark.parametrize("name", ALL)
def test_every_codec_brings_a_boundary_back(name: str, fitted: Fitted) -> None:
    values = boundary(1, 9)
    _, received = fitted.through(name, values)
    centred = values[0] - boundary(200, 2).mean(0)
    assert np.square(received - values[0]).mean() / np.square(centred).mean() < (
        0.3 if name in LEVELS else 0.02
    )


@pytest.mark.parametrize("name", ALL)
def test_a_boundary_of_several_tensors_comes_back_by_name(name: str, tmp_path: Path) -> None:
    fitted, values = Fitted(tmp_path, TENSOR, "deepstack"), boundary(1, 9)
    received = fitted.receiver(name).decode(fitted.payloads(name, values))
    assert set(received) == {TENSOR, "deepstack"}
    for tensor in received.values():
        assert np.abs(tensor - values[0]).mean() < 1.5


def test_a_coarser_level_costs_fewer_bytes_and_loses_more(fitted: Fitted) -> None:
    values = [boundary(1, seed) for seed in range(20, 40)]
    coded = [[fitted.through(name, value) for value in values] for name in LEVELS]
    sizes = [sum(size for size, _ in level) for level in coded]
    losses = [
        sum(float(np.square(r - v[0]).sum()) for (_, r), v in zip(level, values, strict=True))
        for level in coded
    ]
    assert sizes == sorted(sizes, reverse=True)
    assert losses == sorted(losses)


@pytest.mark.parametrize("number", range(len(LEVELS)))
def test_the_graph_makes_the_codes_that_the_tables_are_of(number: int, fitted: Fitted) -> None:
    transforms = fitted_transforms({TENSOR: boundary(200, 2)})
    values = boundary(20, 9)
    step = steps_of(transforms, DISTORTIONS)[TENSOR][number]
    wanted = transforms[TENSOR].sent(values, step)
    sent = np.stack([fitted.codes(LEVELS[number], value[None])[TENSOR] for value in values])
    assert (sent == wanted[:, :, : sent.shape[2]]).mean() > 0.999, "but for a code on a border"
    assert (sent == 0).mean() < 0.95


def test_all_levels_share_one_encoder_and_one_projection(fitted: Fitted) -> None:
    assert {(spec.encoder, spec.sender, spec.receiver) for spec in map(fitted.spec, LEVELS)} == {
        (
            "edge/codec-vision.1-fitted.onnx",
            "edge/codec-vision.1-fitted.npz",
            "cloud/codec-vision.1-fitted.npz",
        )
    }


def test_fp16_needs_no_file(fitted: Fitted) -> None:
    spec = fitted.spec("fp16-zstd")
    assert (spec.encoder, spec.sender, spec.receiver) == ("", "", "")


def test_fitted_features_cost_a_fraction_of_int8(fitted: Fitted) -> None:
    values = boundary(1, 9)
    assert fitted.through("fitted-4", values)[0] * 4 < fitted.through("int8-zstd", values)[0]


@pytest.mark.parametrize("name", ALL)
def test_values_beyond_what_calibration_saw_saturate(name: str, fitted: Fitted) -> None:
    _, received = fitted.through(name, 50 * boundary(1, 9))
    assert np.isfinite(received).all()


def test_a_payload_of_another_level_is_refused(fitted: Fitted) -> None:
    payloads = fitted.payloads("fitted-1", boundary(1, 9))
    with pytest.raises(PayloadError, match="send it again"):
        fitted.receiver("fitted-4").decode(payloads)


def test_codes_of_another_cut_are_refused(fitted: Fitted) -> None:
    codes = fitted.codes("fitted-1", boundary(1, 9))[TENSOR]
    with pytest.raises(PayloadError, match="the manifest says int16 8x"):
        wire.sender(fitted.spec("fitted-1"), fitted.folder.joinpath).encode({TENSOR: codes[:-1]})


@pytest.mark.parametrize("half", ["edge", "cloud"])
def test_tables_that_are_cut_off_are_a_damaged_bundle(half: str, fitted: Fitted) -> None:
    path = fitted.folder / half / "codec-vision.1-fitted.npz"
    path.write_bytes(path.read_bytes()[:-200])
    with pytest.raises(BundleDamaged, match="split the model again"):
        fitted.receiver("fitted-1")


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Fitted:
    return Fitted(tmp_path_factory.mktemp("codecs"), TENSOR)


@pytest.mark.parametrize("name", ["fitted-1", "fitted-7", "int8-zstd", "fp16-zstd"])
@pytest.mark.slow
def test_any_bytes_are_a_typed_error_or_a_finite_boundary(name: str, kept: Fitted) -> None:
    receiver = kept.receiver(name)

    @settings(max_examples=2000)
    @given(st.binary(max_size=200), st.integers(1, 3))
    def read(data: bytes, tiles: int) -> None:
        holds(receiver, data, tiles)

    read()


@pytest.mark.parametrize("name", ["fitted-1", "fitted-7", "int8-zstd", "fp16-zstd"])
@pytest.mark.slow
def test_a_damaged_payload_is_a_typed_error_or_a_finite_boundary(name: str, kept: Fitted) -> None:
    receiver, whole = kept.receiver(name), kept.payloads(name, boundary(1, 9))[TENSOR]

    @settings(max_examples=1000)
    @given(st.integers(0, 8 * len(whole) - 1), st.integers(0, len(whole)), st.binary(max_size=3))
    def read(bit: int, end: int, behind: bytes) -> None:
        damaged = bytearray(whole)
        damaged[bit // 8] ^= 1 << bit % 8
        holds(receiver, bytes(damaged), 1)
        holds(receiver, bytes(damaged[:end]) + behind, 1)

    read()


def holds(receiver: wire.Codec, data: bytes, tiles: int) -> None:
    try:
        received = receiver.decode({TENSOR: data}, tiles)
    except IsthmusError:
        return
    assert received[TENSOR].shape == (tiles * TOKENS, WIDTH)
    assert np.isfinite(received[TENSOR]).all()
