"""The parts of the service that need no model."""

import io
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from cloud.admission.pictures import open_picture
from cloud.config import ServeConfig, listen_address
from cloud.engine.encoder_cache import EncoderCache
from cloud.engine.prompts import IncrementalDetokenizer, Prompts
from cloud.engine.sampling import Sampler
from cloud.engine.scheduler import Scheduler
from cloud.models.placement import choose
from protos import bundle_pb2 as pb
from protos.bundle import Bundle
from protos.errors import CloudBusy, PictureError, RequestError, UnknownFrame

LIMITS = pb.Limits(max_picture_bytes=1 << 20, max_picture_pixels=10_000)


@pytest.mark.parametrize(
    ("text", "address"),
    [("127.0.0.1:7070", ("127.0.0.1", 7070)), ("[::1]:0", ("[::1]", 0)), ("localhost:80", ("localhost", 80))],
)
def test_an_address_is_a_host_and_a_port(text: str, address: tuple[str, int]) -> None:
    assert listen_address(text) == address


@pytest.mark.parametrize("text", ["7070", ":7070", "localhost", "::1:7070", "host:http", "host:-1", ""])
def test_what_is_no_address_says_what_is(text: str) -> None:
    with pytest.raises(RequestError, match="write HOST:PORT"):
        listen_address(text)


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("port", 70_000),
        ("device", "tpu"),
        ("dtype", "int8"),
        ("max_batch", 0),
        ("max_waiting", 0),
        ("threads", -1),
        ("drain", -1.0),
        ("keep", -1.0),
    ],
)
def test_a_setting_out_of_bounds_is_named(setting: str, value: object) -> None:
    with pytest.raises(RequestError, match=str(value)):
        ServeConfig((Path(),), **{setting: value})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("host", "loopback"),
    [("127.0.0.1", True), ("[::1]", True), ("localhost", True), ("0.0.0.0", False), ("a.b", False)],
)
def test_loopback_is_known(host: str, loopback: bool) -> None:
    assert ServeConfig((Path(),), host=host).loopback is loopback


def test_the_measured_precision_says_why() -> None:
    placement = choose("cpu", "auto", 64)
    assert placement.dtype in (torch.float32, torch.bfloat16)
    assert "measured now" in placement.why


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_a_gpu_that_is_not_there_is_refused() -> None:
    with pytest.raises(RequestError, match="--device cpu"):
        choose("cuda", "auto", 64)


def test_frames_forget_the_one_unused_for_longest() -> None:
    frames, row = EncoderCache(3 * 40), torch.zeros(2, 5)
    for name in ("a", "b", "c"):
        frames.put(name, "bundle", row)
    frames.get("a", "bundle")
    frames.put("d", "bundle", row)
    assert frames.get("a", "bundle").image_tokens.shape == row.shape
    with pytest.raises(UnknownFrame, match="again"):
        frames.get("b", "bundle")


def test_a_frame_belongs_to_its_bundle() -> None:
    frames = EncoderCache(1000)
    frames.put("a", "bundle", torch.zeros(2))
    with pytest.raises(UnknownFrame):
        frames.get("a", "another")


def test_a_frame_too_large_is_not_kept_and_drops_no_other() -> None:
    frames = EncoderCache(40)
    frames.put("a", "bundle", torch.zeros(10))
    frames.put("b", "bundle", torch.zeros(11))
    assert len(frames.get("a", "bundle").image_tokens) == 10


def test_a_kept_frame_does_not_keep_its_batch() -> None:
    frames = EncoderCache(1000)
    frames.put("a", "bundle", torch.zeros(100, 2)[0])
    assert frames.get("a", "bundle").image_tokens.untyped_storage().nbytes() == 8


def encoded(image: Image.Image, kind: str, **options: object) -> bytes:
    stream = io.BytesIO()
    image.save(stream, kind, **options)
    return stream.getvalue()


@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
def test_16_bit_grey_keeps_its_tones(kind: str) -> None:
    ramp = np.linspace(0, 65535, 100).astype(np.uint16).reshape(10, 10)
    picture = open_picture(encoded(Image.fromarray(ramp), kind), LIMITS)
    np.testing.assert_array_equal(np.asarray(picture), ramp >> 8)


def test_a_picture_is_turned_upright() -> None:
    image = Image.new("RGB", (40, 20))
    exif = Image.Exif()
    exif[0x0112] = 6
    assert open_picture(encoded(image, "JPEG", exif=exif), LIMITS).size == (20, 40)


def test_floating_point_pixels_are_refused() -> None:
    with pytest.raises(PictureError, match="convert it"):
        open_picture(encoded(Image.new("F", (4, 4)), "TIFF"), LIMITS)


@given(
    st.binary(max_size=300),
    st.sampled_from(
        [b"", b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff\xe0", b"RIFF\0\0\0\0WEBP", b"BM", b"GIF89a", b"II*\0"]
    ),
)
def test_no_bytes_make_the_decoder_raise_anything_else(tail: bytes, start: bytes) -> None:
    try:
        picture = open_picture(start + tail, LIMITS)
    except PictureError:
        return
    assert picture.width * picture.height <= LIMITS.max_picture_pixels


def test_top_p_draws_from_the_likely_only() -> None:
    sampler, logits = Sampler(1.0, 0.5, seed=3), torch.tensor([0.0, 5.0, 0.0, 5.1])
    assert {sampler.draw(logits) for _ in range(50)} <= {1, 3}


def test_draws_follow_the_probabilities() -> None:
    sampler, probabilities = Sampler(1.0, 0.0, seed=5), torch.tensor([0.1, 0.6, 0.3])
    drawn = (
        torch.bincount(torch.tensor([sampler.draw(probabilities.log()) for _ in range(3000)]), minlength=3)
        / 3000
    )
    assert torch.allclose(drawn, probabilities, atol=0.03)


def test_an_almost_cold_temperature_is_greedy() -> None:
    assert {Sampler(1e-30, 0.0, seed).draw(torch.tensor([1.0, 1.001, 0.0])) for seed in range(20)} == {1}


def test_speech_holds_back_half_a_character(tmp_path: Path) -> None:
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers

    core = Tokenizer(
        models.BPE({c: i for i, c in enumerate(sorted(pre_tokenizers.ByteLevel.alphabet()))}, [])
    )
    core.pre_tokenizer, core.decoder = pre_tokenizers.ByteLevel(add_prefix_space=False), decoders.ByteLevel()
    core.save(str(tmp_path / "tokenizer.json"))
    prompts = Prompts(
        tmp_path / "tokenizer.json", pb.Prompt(template="{question}", image_token=999), pb.Limits()
    )
    detokenizer = IncrementalDetokenizer(prompts)
    pieces = [detokenizer.add(token) for token in core.encode("añ€").ids]
    assert pieces == ["a", "", "ñ", "", "", "€"]
    assert detokenizer.end() == ""


def test_the_prompt_is_the_processors(bundle: Bundle) -> None:
    from transformers import AutoProcessor

    folder = bundle.folder("cloud")
    processor = AutoProcessor.from_pretrained(folder, local_files_only=True)
    content = [{"type": "image"}, {"type": "text", "text": "What color is the star?"}]
    text = processor.apply_chat_template([{"role": "user", "content": content}])
    expected = processor(text=text, images=[Image.new("RGB", (128, 128))])["input_ids"][0]
    prompts = Prompts(folder / "tokenizer.json", bundle.manifest.prompt, bundle.manifest.limits)
    assert prompts.build("What color is the star?") == list(expected)


def test_a_request_that_is_being_decoded_has_its_place_in_the_line() -> None:
    scheduler = Scheduler(1)
    with (
        scheduler.entering(),
        pytest.raises(CloudBusy, match="1 requests wait here already"),
        scheduler.entering(),
    ):
        pytest.fail("two were let in where one has room")
    with scheduler.entering():
        assert not len(scheduler)
