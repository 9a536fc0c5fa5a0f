"""What the cloud keeps of cache, and for how long."""

from pathlib import Path

import numpy as np
import pytest
import torch

from cloud.engine.encoder_cache import EncoderCache
from cloud.engine.ttl_cache import ENTRY_BYTES
from protos.codec.payload import Frame
from protos.errors import UnknownFrame

STATUS = Path("/proc/self/status")


def test_frames_forget_the_one_unused_for_longest() -> None:
    cache, row = EncoderCache(3 * (40 + ENTRY_BYTES)), torch.zeros(2, 5)
    for name in ("a", "b", "c"):
        cache.put(name, "bundle", "me", row)
    cache.get("a", "bundle", "me")
    cache.put("d", "bundle", "me", row)
    assert cache.get("a", "bundle", "me").image_tokens.shape == row.shape
    with pytest.raises(UnknownFrame, match="again"):
        cache.get("b", "bundle", "me")


def test_a_frame_belongs_to_its_bundle() -> None:
    cache = EncoderCache(1 << 20)
    cache.put("a", "bundle", "me", torch.zeros(2))
    with pytest.raises(UnknownFrame):
        cache.get("a", "another", "me")


def test_a_frame_belongs_to_who_sent_it() -> None:
    cache = EncoderCache(1 << 20)
    cache.put("a" * 64, "bundle", "me", torch.zeros(2), sent=sent(1))
    assert cache.get("a" * 16, "bundle", "me")
    assert cache.reference("a" * 8, "bundle", "me")
    for owner in ("another", ""):
        with pytest.raises(UnknownFrame):
            cache.get("a" * 16, "bundle", owner)
        with pytest.raises(UnknownFrame):
            cache.reference("a" * 8, "bundle", owner)


def test_nothing_is_kept_for_nobody() -> None:
    cache = EncoderCache(1 << 20)
    cache.put("a", "bundle", "", torch.zeros(2))
    with pytest.raises(UnknownFrame):
        cache.get("a", "bundle", "")


def test_a_frame_too_large_is_not_kept_and_drops_no_other() -> None:
    cache = EncoderCache(40 + ENTRY_BYTES)
    cache.put("a", "bundle", "me", torch.zeros(10))
    cache.put("b", "bundle", "me", torch.zeros(11))
    assert len(cache.get("a", "bundle", "me").image_tokens) == 10


def sent(size: int) -> Frame:
    return {"hidden": np.zeros((1, size), np.int16)}


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_what_was_sent_is_kept_up_to_its_cap() -> None:
    cache, tokens = EncoderCache(1 << 20, max_sent_bytes=2 * ENTRY_BYTES + 100), torch.zeros(1, 1, 1)
    for name in ("a" * 64, "b" * 64, "c" * 64):
        cache.put(name, "bundle", "me", tokens, sent=sent(20))
    assert cache.reference("c" * 8, "bundle", "me")
    with pytest.raises(UnknownFrame, match="key frame"):
        cache.reference("a" * 8, "bundle", "me")
    cache.put("d" * 64, "bundle", "me", tokens, sent=sent(51 + ENTRY_BYTES))
    assert cache.get("d" * 16, "bundle", "me")
    with pytest.raises(UnknownFrame):
        cache.reference("d" * 8, "bundle", "me")


def test_nothing_is_kept_beyond_its_time() -> None:
    clock = Clock()
    cache = EncoderCache(1 << 20, 10.0, clock)
    cache.put("a" * 64, "bundle", "me", torch.zeros(1, 1, 1), sent=sent(1))
    clock.now = 9.0
    assert cache.reference("a" * 8, "bundle", "me")
    clock.now = 10.0
    with pytest.raises(UnknownFrame):
        cache.reference("a" * 8, "bundle", "me")
    with pytest.raises(UnknownFrame):
        cache.get("a" * 16, "bundle", "me")
    cache.expire()
    assert not cache._sent._entries
    assert not cache._embeds._entries


@pytest.mark.skipif(not STATUS.exists(), reason="resident memory is read from /proc")
@pytest.mark.parametrize(("width", "codes"), [(128, None), (128, 64), (20_000, None)])
def test_what_is_kept_takes_no_more_memory_than_was_allowed(width: int, codes: int | None) -> None:
    allowed, batch = 24 << 20, torch.zeros(16, 1, width)
    cache = EncoderCache(allowed // 2, max_sent_bytes=allowed // 2)
    before = resident_bytes()
    for frame in range(2 * allowed // (4 * width + ENTRY_BYTES)):
        shared = sent(16 * (codes or 0))["hidden"][:, : codes or 0]
        kept = {"hidden": shared} if codes else None
        cache.put(f"{frame:016}".ljust(64, "0"), "b" * 64, "me", batch[frame % 16][None], sent=kept)
    assert resident_bytes() - before < allowed


def resident_bytes() -> int:
    return 1024 * int(STATUS.read_text().split("VmRSS:")[1].split()[0])
