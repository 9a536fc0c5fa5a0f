"""What the cloud keeps of frames, and for how long."""

import pytest
import torch

from cloud.engine.encoder_cache import EncoderCache
from protos.errors import UnknownFrame


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
