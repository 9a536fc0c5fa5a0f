"""The link learned from synthetic exchanges, by a clock that the tests turn."""

import json
import logging
import math
import resource
from pathlib import Path
from random import Random

import pytest

from edge import config
from edge.link.breaker import FIRST_SECONDS, MAX_SECONDS, Breaker
from edge.link.link import Link
from protos import bundle_pb2
from protos import inference_pb2 as pb
from protos.bundle import Bundle

SIZES = (500, 4_000, 40_000, 200_000)


def test_the_breaker_opens_at_once_and_waits_longer_each_time() -> None:
    breaker = Breaker(jitter=lambda: 1.0)
    waits = []
    for _ in range(10):
        breaker.failed("cloud unreachable", now=0.0)
        waits.append(breaker.wait(0.0))
    assert waits[:3] == [FIRST_SECONDS, 2 * FIRST_SECONDS, 4 * FIRST_SECONDS]
    assert waits[-1] == MAX_SECONDS


def test_the_breaker_lets_a_call_through_after_its_wait_and_closes_when_that_succeeds() -> None:
    breaker = Breaker(jitter=lambda: 0.0)
    breaker.failed("cloud unreachable", now=10.0)
    assert breaker.wait(10.4) > 0
    assert breaker.wait(10.6) == 0
    breaker.succeeded()
    breaker.failed("cloud unreachable", now=20.0)
    assert breaker.wait(20.0) == FIRST_SECONDS / 2


def test_the_breaker_waits_longest_at_once_where_asking_again_does_not_help() -> None:
    breaker = Breaker(jitter=lambda: 1.0)
    breaker.failed("cloud serves another bundle", now=0.0, lasting=True)
    assert breaker.wait(0.0) == MAX_SECONDS
    breaker.failed("cloud unreachable", now=60.0)
    assert breaker.wait(60.0) == 2 * FIRST_SECONDS


def test_jitter_spreads_devices_that_failed_together() -> None:
    random = Random(3)
    waits = set()
    for _ in range(20):
        breaker = Breaker(jitter=random.random)
        breaker.failed("cloud unreachable", now=0.0)
        waits.add(breaker.wait(0.0))
    assert len(waits) == 20
    assert all(FIRST_SECONDS / 2 <= wait <= FIRST_SECONDS for wait in waits)


MEASURED = bundle_pb2.Measurements(
    cuts={"connector": bundle_pb2.MeasuredCut(cloud_milliseconds=2.0)},
    cloud_cost=bundle_pb2.CloudCost(vision_milliseconds=60, prefill_milliseconds=10, token_milliseconds=5),
)


def fresh(digest: str = "aa", now: float = 0.0) -> Link:
    bundle = Bundle(Path(), bundle_pb2.Manifest(), digest)
    bundle._measured = (MEASURED, "")
    return Link(bundle, now, jitter=lambda: 1.0)


def done(**times: float) -> pb.Done:
    return pb.Done(tokens=5, stages=pb.Stages(**times))


def test_the_cloud_is_first_guessed_from_the_manifest_then_believed() -> None:
    link = fresh()
    assert link.cloud(0.0).entry_ms == {"connector": 2.0, "pixels": 60.0}
    for now in range(20):
        link.observe_cloud(
            "pixels", done(decode=5, tail=15, queue=8, first_token=30, generate=80), float(now)
        )
    cloud = link.cloud(19.0)
    assert cloud.entry_ms["pixels"] == pytest.approx(20, rel=0.1)
    assert (cloud.prefill_ms, cloud.token_ms, cloud.queue_ms) == pytest.approx((30, 20, 8), rel=0.1)
    assert link.tokens == pytest.approx(5, rel=0.05)


def test_a_thread_that_is_woken_late_does_not_make_a_cloud_slow() -> None:
    nothing_to_do = bundle_pb2.Measurements(
        cuts={"connector": bundle_pb2.MeasuredCut(cloud_milliseconds=0.01)}, cloud_cost=MEASURED.cloud_cost
    )
    bundle = Bundle(Path(), bundle_pb2.Manifest(), "aa")
    bundle._measured = (nothing_to_do, "")
    link = Link(bundle, 0.0, jitter=lambda: 1.0)
    for now in range(20):
        link.observe_cloud("connector", done(decode=0.9, tail=0.1, first_token=10, generate=20), float(now))
    cloud = link.cloud(19.0)
    assert (cloud.prefill_ms, cloud.token_ms) == pytest.approx((10, 5), rel=0.1)
    assert cloud.entry_ms["connector"] < 1


def test_a_queue_is_soon_forgotten() -> None:
    link = fresh()
    link.observe_cloud("pixels", done(queue=500), 0.0)
    assert link.cloud(0.0).queue_ms > 100
    assert link.cloud(600.0).queue_ms < 1


def test_what_is_no_time_is_not_believed() -> None:
    link = fresh()
    link.observe_cloud(
        "pixels", done(decode=math.nan, queue=-4, first_token=math.inf, generate=math.nan), 0.0
    )
    assert link.cloud(0.0) == fresh().cloud(0.0)


def test_failures_open_the_breaker_and_an_answer_closes_it() -> None:
    link = fresh()
    link.failed("cloud unreachable", now=1.0)
    down = link.snapshot(1.2)
    assert (down.up, down.unavailable_reason, round(down.retry_seconds, 1)) == (
        False,
        "cloud unreachable",
        0.8,
    )
    assert link.snapshot(2.1).up
    link.observe_transfer(1000, 20.0, now=2.2)
    assert link.snapshot(2.2).unavailable_reason == ""


def test_the_next_process_remembers(tmp_path: Path) -> None:
    path = tmp_path / "links/cloud.json"
    link = fresh(now=100.0)
    for now in range(8):
        link.observe_transfer(SIZES[now % 4], 300 + 8000 * SIZES[now % 4] / 64e3, 100.0 + now)
    link.observe_cloud("pixels", done(tail=20), 108.0)
    link.failed("cloud unreachable", 108.0)
    link.save(path, now=108.0, wall=5000.0)

    later = fresh(now=3.0)
    later.load(path, now=3.0, wall=5000.4)
    before, after = link.snapshot(108.4), later.snapshot(3.0)
    for sent in SIZES:
        assert after.states.mean_ms(sent) == pytest.approx(before.states.mean_ms(sent), rel=0.05)
    assert not after.up
    assert after.retry_seconds == pytest.approx(0.6)
    assert later.cloud(3.0).entry_ms["pixels"] < 40


def test_the_next_process_asks_a_cloud_that_was_wrong_for_this_one(tmp_path: Path) -> None:
    link = fresh()
    link.failed("its certificate has expired", 1.0, lasting=True)
    assert not link.snapshot(1.0).up
    link.save(tmp_path / "link.json", 1.0, 0.0)
    later = fresh()
    later.load(tmp_path / "link.json", 1.0, 0.0)
    assert later.snapshot(1.0).up


def test_another_bundle_keeps_the_link_but_not_the_cloud(tmp_path: Path) -> None:
    link = fresh()
    exchange_times = [(sent, 300 + 8000 * sent / 64e3) for sent in SIZES * 2]
    for sent, milliseconds in exchange_times:
        link.observe_transfer(sent, milliseconds, 1.0)
    link.observe_cloud("connector", done(tail=900), 1.0)
    link.save(tmp_path / "link.json", 1.0, 0.0)
    other = fresh(digest="bb")
    other.load(tmp_path / "link.json", 1.0, 0.0)
    for sent in SIZES:
        assert other.snapshot(1.0).states.mean_ms(sent) == pytest.approx(
            link.snapshot(1.0).states.mean_ms(sent), rel=0.05
        )
    assert other.cloud(1.0) == fresh().cloud(1.0)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\xff\x00",
        b"[]",
        b"{}",
        b"[" * 100_000,
        (
            b'{"saved_at": 0, "bundle": "aa", "uplink": [{"bytes": -1, "ms": 1, "age": 0, "silent": false}], '
            b'"breaker": {}, "cloud": {}}'
        ),
        (
            b'{"saved_at": 0, "bundle": "aa", "uplink": [{"bytes": 1, "ms": NaN, "age": 0, "silent": '
            b"false}], "
            b'"breaker": {}, "cloud": {}}'
        ),
        *(
            b'{"saved_at": %b, "bundle": "bb", "uplink": [], "breaker": {"failures": 1, '
            b'"unavailable_reason": "", "wait": %b}, "cloud": {}}' % times
            for times in ((b"0", b"NaN"), (b"NaN", b"0"), (b"-1e999", b"1e999"))
        ),
        (
            b'{"saved_at": 0, "bundle": "aa", "uplink": [], "breaker": {"failures": 1e999, '
            b'"unavailable_reason": "", "wait": 0}, '
            b'"cloud": {}}'
        ),
    ],
)
def test_a_broken_memory_is_ignored_with_a_warning(
    content: bytes, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "link.json"
    path.write_bytes(content)
    link = fresh()
    with caplog.at_level(logging.WARNING):
        link.load(path, now=0.0, wall=0.0)
    assert "is ignored" in caplog.text
    assert link.snapshot(0.0).up
    assert link.snapshot(0.0).states.mean_ms(1000) == fresh().snapshot(0.0).states.mean_ms(1000)
    assert link.cloud(0.0) == fresh().cloud(0.0)


def test_no_memory_is_no_warning(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    fresh().load(tmp_path / "none.json", 0.0, 0.0)
    assert not caplog.records


def test_a_place_that_cannot_be_written_is_a_warning(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").write_text("")
    fresh().save(tmp_path / "file" / "link.json", 0.0, 0.0)
    assert "not remembered" in caplog.text


def test_a_full_disk_leaves_no_part_of_a_file(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (10, hard))  # bytes a file
    try:
        fresh().save(tmp_path / "link.json", 0.0, 0.0)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert list(tmp_path.iterdir()) == []
    assert "File too large" in caplog.text


def test_the_memory_is_plain_json_named_after_the_address(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ISTHMUS_CACHE", str(tmp_path))
    path = config.link_file("../evil/[::1]:7070")
    assert path
    assert path.parent == tmp_path / "links"
    fresh().save(path, 0.0, 0.0)
    assert json.loads(path.read_text())["uplink"] == []
