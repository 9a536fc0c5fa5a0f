from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from protos import bundle_pb2 as pb
from protos import codec as wire
from protos.codec.kinds.fp16_zstd import Fp16Zstd
from protos.codec.kinds.int8_zstd import Int8Zstd
from protos.codec.zstd import max_bytes
from protos.compression import zstd
from protos.errors import IsthmusError, PayloadError, TooLarge, UnknownName

SHAPE = (16, 12)


def spec(name: str, dtype: str) -> pb.Codec:
    codec = pb.Codec(name=name)
    raw = int(np.prod(SHAPE)) * np.dtype(dtype).itemsize
    codec.tensors.add(codes=pb.TensorSpec(name="hidden", dtype=dtype, shape=SHAPE), max_bytes=max_bytes(raw))
    return codec


def int8() -> Int8Zstd:
    scales = {"hidden": np.linspace(0.1, 1.0, SHAPE[1]).astype(np.float32)}
    zeros = {"hidden": np.full(SHAPE[1], 100.0, np.float32)}
    return Int8Zstd(spec("int8-zstd", "uint8"), scales, zeros)


def fp16() -> Fp16Zstd:
    return Fp16Zstd(spec("fp16-zstd", "float16"))


def test_int8_codes_come_back_as_scaled_floats() -> None:
    codes = np.random.default_rng(0).integers(0, 256, SHAPE).astype(np.uint8)
    half = int8()
    decoded = half.decode(half.encode({"hidden": codes}))["hidden"]
    np.testing.assert_array_equal(
        decoded, (codes.astype(np.float32) - 100) * np.linspace(0.1, 1.0, SHAPE[1]).astype(np.float32)
    )


def test_fp16_comes_back_exactly() -> None:
    tensor = np.random.default_rng(0).normal(size=SHAPE).astype(np.float16)
    np.testing.assert_array_equal(
        fp16().decode(fp16().encode({"hidden": tensor}))["hidden"], tensor.astype(np.float32)
    )


def test_the_tiles_of_a_picture_come_back_together() -> None:
    tensor = np.random.default_rng(0).normal(size=(5 * SHAPE[0], SHAPE[1])).astype(np.float16)
    np.testing.assert_array_equal(
        fp16().decode(fp16().encode({"hidden": tensor}), 5)["hidden"], tensor.astype(np.float32)
    )


@pytest.mark.parametrize("tiles", [1, 4, 6, 1000])
def test_a_payload_of_another_number_of_tiles_is_refused(tiles: int) -> None:
    payloads = fp16().encode({"hidden": np.random.default_rng(0).normal(size=(5 * SHAPE[0], SHAPE[1]))})
    with pytest.raises((PayloadError, TooLarge)):
        fp16().decode(payloads, tiles)


def test_what_passes_the_end_of_fp16_is_sent_as_its_end() -> None:
    tensor = np.zeros(SHAPE, np.float32)
    tensor[3, 4], tensor[0, 1] = 70_000, -1e9
    received = fp16().decode(fp16().encode({"hidden": tensor}))["hidden"]
    assert (received[3, 4], received[0, 1]) == (65_504, -65_504)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_what_is_not_finite_is_refused(value: float) -> None:
    tensor = np.zeros(SHAPE, np.float16)
    tensor[3, 4] = value
    with pytest.raises(PayloadError, match="NaN or infinity"):
        fp16().decode(fp16().encode({"hidden": tensor}))


def test_a_bomb_is_refused_by_its_declared_size() -> None:
    bomb = zstd.compress(bytes(100_000_000), level=19)
    with pytest.raises((PayloadError, TooLarge), match=r"would unpack to 100000000 bytes|at most"):
        int8().decode({"hidden": bomb})


def test_a_bomb_that_hides_its_size_is_refused() -> None:
    silent = zstd.compress(bytes(10_000_000), options={zstd.CompressionParameter.content_size_flag: 0})
    with pytest.raises(PayloadError):
        int8().decode({"hidden": silent})


@pytest.mark.parametrize("more", [b"x", zstd.compress(b"x")])
def test_bytes_behind_a_whole_frame_are_refused(more: bytes) -> None:
    data = int8().encode({"hidden": np.zeros(SHAPE, np.uint8)})["hidden"]
    with pytest.raises(PayloadError, match="not a whole zstd frame"):
        int8().decode({"hidden": data + more})


def test_a_tensor_of_another_cut_is_refused_by_its_size() -> None:
    other = zstd.compress(bytes(64 * 192))
    with pytest.raises(PayloadError, match="uint8 16x12 has 192"):
        int8().decode({"hidden": other})


def test_more_bytes_than_the_codec_can_need_are_refused_unread() -> None:
    with pytest.raises(TooLarge, match="at most"):
        int8().decode({"hidden": bytes(10_000)})


@pytest.mark.parametrize("names", [[], ["other"], ["hidden", "other"]])
def test_the_tensors_must_be_those_of_the_cut(names: list[str]) -> None:
    payload = int8().encode({"hidden": np.zeros(SHAPE, np.uint8)})["hidden"]
    with pytest.raises(PayloadError, match=r"this cut has \['hidden'\]"):
        int8().decode(dict.fromkeys(names, payload))


def test_a_sender_with_the_wrong_shape_is_told_what_the_manifest_says() -> None:
    with pytest.raises(PayloadError, match="the manifest says uint8 16x12"):
        int8().encode({"hidden": np.zeros((16, 11), np.uint8)})


def test_an_unknown_codec_is_named_with_those_that_exist() -> None:
    with pytest.raises(UnknownName, match="fp16-zstd, int8-zstd"):
        wire.sender(pb.Codec(name="jpeg2000"), Path)


@settings(max_examples=500)
@given(st.binary(max_size=400))
def test_random_bytes_give_a_typed_error(data: bytes) -> None:
    with pytest.raises(IsthmusError):
        int8().decode({"hidden": data})


@settings(max_examples=500)
@given(st.data())
def test_a_damaged_payload_gives_a_typed_error_or_what_was_sent(data: st.DataObject) -> None:
    codes = np.random.default_rng(1).integers(90, 110, SHAPE).astype(np.uint8)
    whole = int8().encode({"hidden": codes})["hidden"]
    payload = bytearray(whole)
    if data.draw(st.booleans()):
        payload = payload[: data.draw(st.integers(0, len(payload) - 1))]
    else:
        payload[data.draw(st.integers(0, len(payload) - 1))] ^= data.draw(st.integers(1, 255))
    try:
        decoded = int8().decode({"hidden": bytes(payload)})
    except IsthmusError:
        return
    np.testing.assert_array_equal(decoded["hidden"], int8().decode({"hidden": whole})["hidden"])
