"""Plans with plain values: a small bundle, a device, a link."""

import dataclasses
import json
import math
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

import isthmus
from edge.policy.decision import KnownCloud, Request
from edge.policy.policy import decide
from protos import bundle_pb2 as pb
from protos.bundle import Bundle, write_manifest
from protos.costs.cost import OVERHEAD_BYTES, Cost, Workload
from protos.costs.estimates import CloudEstimate, LinkEstimate
from protos.costs.profile import DeviceProfile
from protos.errors import RequestError, WrongBundle
from protos.measurements import FIDELITY, write_measurements
from protos.traces import Trace
from splitter.planning.choices import Choice, choices
from splitter.planning.envelope import MAX_UPLINK, MIN_UPLINK, fastest, min_uplink
from splitter.planning.links import Recorded, Steady
from splitter.planning.plan import Demands, dominates, plan
from splitter.planning.reason import ranked, reason, why
from splitter.planning.tables import columns, notes, row
from tests.splitter.planning.plans import DEVICE, MANIFEST, MEASURED, NARROW, WIDE, made, measured


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A bundle of which only manifest and measurements are there: a plan needs no more."""
    path = tmp_path / "bundle"
    path.mkdir()
    write_measurements(path, measured(), write_manifest(path, MANIFEST))
    return path


# the model


def test_a_total_adds_up_its_parts() -> None:
    option = made().option("split@connector/int8-zstd")
    assert option.choice.bytes_up == 1_000 + OVERHEAD_BYTES + 32
    assert option.network == pytest.approx(60 + 8000 * option.choice.bytes_up / 100e3)
    assert option.total == pytest.approx(
        2 + 20 + 40 + option.choice.cost.encode + option.network + 1 + 10 + 8 * 5
    )


def test_a_local_answer_waits_for_no_network() -> None:
    option = made().option("local")
    assert (option.choice.bytes_up, option.network, option.total) == (0, 0, 2 + 20 + 40 + 400 + 8 * 25)


def test_a_picture_in_tiles_goes_through_head_and_coder_so_many_times() -> None:
    ways = {choice.name: choice for choice in choices(MANIFEST, measured(mean_tiles=10), DEVICE)}
    assert ways["split@connector/int8-zstd"].cost.head == ways["local"].cost.head == 10 * (2 + 20 + 40)
    assert ways["split@connector/int8-zstd"].cost.encode == pytest.approx(10 * 0.1)
    assert ways["split@connector/int8-zstd"].bytes_up == 1_000 + OVERHEAD_BYTES + 32


@pytest.mark.parametrize(("uplink", "round_trip"), [(64e3, 300.0), (2e6, 60.0), (1e9, 0.0)])
def test_plan_and_policy_predict_the_same(bundle: Bundle, uplink: float, round_trip: float) -> None:
    held, found, work = bundle.manifest, bundle.measurements, Workload(tokens=5.5, question_bytes=24)
    policy = decide(
        Request(tokens=work.tokens, question_bytes=work.question_bytes),
        DeviceProfile.from_bundle(bundle),
        [KnownCloud(LinkEstimate.steady(uplink, round_trip), CloudEstimate.from_measurements(found))],
        held,
        found,
    )
    planned = plan(
        held, found, DeviceProfile.from_bundle(bundle), Steady(uplink, round_trip), Demands(workload=work)
    )
    assert {o.name: o.total for o in planned.options} == pytest.approx(
        {p.arm.name: p.total_ms for p in policy.arms}
    )
    assert {o.name: o.choice.bytes_up for o in planned.options} == {
        p.arm.name: p.bytes_up for p in policy.arms
    }


# the profile of a device


def profile(folder: Path) -> DeviceProfile:
    guessed = DeviceProfile.from_bundle(Bundle.open(folder))
    return dataclasses.replace(
        guessed, pieces={"vision.2": 5.0, "connector": 6.0}, machine="a board", measured=True, pixels_ms=0.0
    )


def test_a_measured_profile_takes_the_place_of_the_guess(folder: Path, tmp_path: Path) -> None:
    profile(folder).save(tmp_path / "p.json")
    device = DeviceProfile.load(tmp_path / "p.json", Bundle.open(folder))
    assert (device.head_ms("connector"), device.head_ms("vision.2"), device.machine, device.measured) == (
        11,
        5,
        "a board",
        True,
    )
    assert device.encode_ms == DEVICE.encode_ms


def test_a_profile_of_another_bundle_is_refused(folder: Path, tmp_path: Path) -> None:
    dataclasses.replace(profile(folder), digest="f" * 64).save(tmp_path / "p.json")
    with pytest.raises(WrongBundle, match=r"measured with bundle ffffffffffff.*isthmus edge profile"):
        DeviceProfile.load(tmp_path / "p.json", Bundle.open(folder))


@pytest.mark.parametrize(
    "change",
    [
        {"pieces": {"vision.2": 5.0}},
        {"pieces": [1, 2]},
        {"pieces": {"vision.2": -1, "connector": 1}},
        {"token_ms": True},
        {"prefill_ms": "1"},
        {"encode_ms": {"jpeg-75": math.nan}},
        {"machine": None},
        {"digest": 7},
    ],
)
def test_a_profile_with_a_wrong_field_is_refused(
    folder: Path, tmp_path: Path, change: dict[str, object]
) -> None:
    fields = dataclasses.asdict(profile(folder)) | change
    (tmp_path / "p.json").write_text(json.dumps(fields))
    with pytest.raises(RequestError, match="isthmus edge profile"):
        DeviceProfile.load(tmp_path / "p.json", Bundle.open(folder))


@pytest.mark.parametrize("content", ["", "[]", "7", "{}", "\xff", "[" * 100_000])
def test_what_is_no_profile_is_refused(folder: Path, tmp_path: Path, content: str) -> None:
    (tmp_path / "p.json").write_text(content, encoding="latin-1")
    with pytest.raises(RequestError, match="is not a device profile"):
        DeviceProfile.load(tmp_path / "p.json", Bundle.open(folder))


# the front, the crossovers, the recommendation


def test_what_is_beaten_in_time_bytes_and_accuracy_is_not_on_the_front() -> None:
    options = made().options
    for one in options:
        assert one.front == (not any(dominates(other, one) for other in options))
    assert {option.name for option in options if option.front} == {
        "split@connector/int8-zstd",
        "upload@jpeg-75",
        "upload@webp-15",
        "local",
    }


def test_as_the_uplink_grows_the_fastest_sends_more() -> None:
    assert [s.choice.name for s in made().stretches] == ["split@connector/int8-zstd", "upload@jpeg-75"]


def test_at_a_crossover_both_choices_take_the_same_time() -> None:
    before, after = made().stretches
    assert before.high == after.low
    assert before.choice.total(before.high, 60) == pytest.approx(
        after.choice.total(before.high, 60), rel=1e-12
    )


def choice(name: str, size: int, ms: float) -> Choice:
    return Choice(name, "split", Cost(head=ms, bytes_up=size), 95.0)


@given(
    st.lists(st.tuples(st.integers(0, 10**6), st.floats(0, 1e4)), min_size=1, max_size=12),
    st.floats(math.log(MIN_UPLINK), math.log(MAX_UPLINK)),
)
def test_no_choice_is_faster_than_the_one_of_the_stretch(
    lines: list[tuple[int, float]], logarithm: float
) -> None:
    among = [choice(str(rank), size, ms) for rank, (size, ms) in enumerate(lines)]
    uplink = min(max(math.exp(logarithm), MIN_UPLINK), MAX_UPLINK)
    stretches = fastest(among, 40)
    assert (stretches[0].low, stretches[-1].high) == (MIN_UPLINK, MAX_UPLINK)
    assert all(a.high == b.low and a.low < a.high for a, b in pairwise(stretches))
    best = next(s.choice for s in stretches if s.low <= uplink <= s.high)
    assert best.total(uplink, 40) == pytest.approx(min(c.total(uplink, 40) for c in among), rel=1e-9)


@given(st.floats(1, 5000))
def test_the_least_uplink_just_meets_the_deadline(deadline: float) -> None:
    among = [choice("a", 1_000, 50), choice("b", 10_000, 20)]
    least = min_uplink(among, 30, deadline)
    assume(least is not None)
    assert least is not None
    assert min(c.total(least, 30) for c in among) == pytest.approx(deadline)
    assert deadline > 50


def test_where_the_device_is_slow_the_link_decides() -> None:
    assert [made(link).recommended.name for link in (NARROW, WIDE)] == [
        "split@connector/int8-zstd",
        "upload@jpeg-75",
    ]


def test_where_the_device_is_fast_nothing_is_sent() -> None:
    fast = measured(local_ms=1, token_ms=1)
    assert made(found=fast).recommended.name == "local"
    assert [s.choice.name for s in made(found=fast).stretches] == ["local"]
    assert "local" not in {s.choice.name for s in made(found=fast).remote}


def test_what_loses_more_than_is_allowed_is_not_recommended() -> None:
    lossy = measured()
    lossy.uploads[1].mean_bytes = 1
    assert made(found=lossy).recommended.name != "upload@webp-15"
    assert made(found=lossy, max_loss=2.0).recommended.name == "upload@webp-15"


def test_a_loss_within_noise_keeps_nothing_from_being_recommended() -> None:
    unsure = measured()
    unsure.uploads[1].mean_bytes, unsure.uploads[1].loss_error = 1, 0.7
    planned = made(found=unsure)
    assert planned.recommended.name == "upload@webp-15"
    assert planned.recommended.loss == 2.0, "as it was measured"
    unsure.uploads[1].loss_error = 0.5
    option = made(found=unsure).option("upload@webp-15")
    assert why(made(found=unsure), option) == "loses 1.2 points beyond noise, more than 1 point"


def test_what_is_noise_stands_behind_a_loss() -> None:
    unsure = measured()
    unsure.uploads[1].loss_error = 0.5
    unsure.count, unsure.pictures, unsure.measure = 106, 60, FIDELITY
    planned = made(found=unsure)
    assert row(planned, planned.option("upload@webp-15"))[-1] == "2.0 ±0.8!"
    assert "fidelity (n=106)" in columns(planned)
    assert any("over 106 answers about 60 pictures" in note for note in notes(planned))


def test_if_nothing_is_accurate_enough_the_most_accurate_is_taken_and_it_is_said() -> None:
    demanding = measured()
    demanding.accuracy = 99.0
    planned = made(found=demanding)
    assert planned.recommended.name == "upload@jpeg-75"
    assert [stretch.choice.name for stretch in planned.stretches] == ["upload@jpeg-75"]
    assert "no choice stays within 1 point of the whole model's 99.0%" in reason(planned)


def test_the_reason_names_the_rivals_and_the_deadline() -> None:
    words = reason(made(deadline=500.0))
    assert words.startswith("take split@connector/int8-zstd, the fastest of those that lose at most 1 point")
    assert "the best upload, upload@jpeg-75, takes" in words
    assert "answering on the device takes" in words
    assert "the deadline of 500 ms is met with" in words
    assert words.endswith(" to spare.")


def test_a_deadline_that_is_missed_is_told_what_uplink_it_needs() -> None:
    planned = made(deadline=200.0)
    assert planned.enough is not None
    assert "the deadline of 200 ms needs an uplink of" in reason(planned)
    assert made(Steady(planned.enough * 1.001, 60), deadline=200.0).recommended.late == 0
    assert "cannot be met over any uplink" in reason(made(deadline=20.0))


def test_a_bundle_that_offers_nothing_is_refused() -> None:
    with pytest.raises(RequestError, match="offers no way to answer"):
        plan(pb.Manifest(), pb.Measurements(mean_tiles=1), DEVICE, NARROW)


# recorded links


def test_under_a_deadline_the_choice_that_is_late_least_often_is_taken() -> None:
    # nine seconds of 12 Mbit/s, then a second and a half of silence
    link = Recorded(Trace((*range(1, 9001), 10_500)), 10)
    calm, hurried = made(link), made(link, deadline=800.0)
    assert (calm.recommended.name, hurried.recommended.name) == ("upload@jpeg-75", "local")
    assert 0.05 < hurried.option("upload@jpeg-75").late < 0.1
    assert "take local, late least often" in reason(hurried)


def test_a_steady_trace_is_a_steady_link() -> None:
    steady = Recorded(Trace(tuple(range(1, 101))), 60)
    assert steady.uplink == 12e6
    for option in made(steady).options:
        assert option.total == pytest.approx(made(Steady(12e6, 60)).option(option.name).total, abs=1.0)


# the command


def run(*words: str) -> int:
    return isthmus.main(["plan", *words])


def test_the_command_shows_every_choice_and_the_recommendation(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("--bundle", str(folder), "--uplink", "100kbit/s", "--deadline", "500ms") == 0
    shown = capsys.readouterr().out
    assert all(one.name in shown for one in choices(MANIFEST, MEASURED, DEVICE))
    assert "take split@connector/int8-zstd" in shown
    assert "64 kbit/s .." in shown


def test_what_to_take_stands_first_and_explained_every_other_choice_says_why_not(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("--bundle", str(folder), "--uplink", "100kbit/s", "--explain") == 0
    shown = capsys.readouterr().out
    assert shown.startswith("take split@connector/int8-zstd")
    lines = [line.strip() for line in shown.splitlines()]
    first, *others = lines[next(place for place, line in enumerate(lines) if line.endswith(" why")) + 1 :]
    assert first.endswith("recommended")
    assert others[0].endswith("slower")
    assert "loses 2 points, more than 1 point" in shown


def test_why_a_choice_is_not_the_one() -> None:
    late = made(NARROW, deadline=400.0)
    assert {why(late, option) for option in late.options if option.late == 1} >= {"misses the deadline"}
    best, *others = ranked(late)
    assert best is late.recommended
    assert [option.accurate for option in others] == sorted((o.accurate for o in others), reverse=True)


def test_how_many_an_accuracy_was_taken_over_stands_beside_it() -> None:
    assert "right" in columns(made())
    assert "right (n=106)" in columns(dataclasses.replace(made(), count=106))


def test_as_json_it_is_one_object(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("--bundle", str(folder), "--uplink", "100kbit/s", "--json") == 0
    shown = json.loads(capsys.readouterr().out)
    assert shown["recommended"] == "split@connector/int8-zstd"
    assert shown["fastest"][0]["from_bps"] == 64e3
    assert {one["name"] for one in shown["choices"]} == {
        one.name for one in choices(MANIFEST, MEASURED, DEVICE)
    }


def test_over_a_trace_it_shows_the_spread_and_the_outages(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "t.up").write_text("1\n2\n1500\n")
    assert (
        run(
            "--bundle",
            str(folder),
            "--trace",
            str(tmp_path / "t.up"),
            "--deadline",
            "1s",
            "--html",
            str(tmp_path / "plan.html"),
        )
        == 0
    )
    shown = capsys.readouterr().out
    assert all(word in shown for word in ("95%", "late", "outages: nothing leaves for a second or more once"))
    assert "Outages: nothing leaves" in (tmp_path / "plan.html").read_text()


def test_a_profile_from_the_device_is_used(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    profile(folder).save(tmp_path / "p.json")
    assert run("--bundle", str(folder), "--device", str(tmp_path / "p.json"), "--json") == 0
    assert json.loads(capsys.readouterr().out)["device"] == {"machine": "a board", "measured": True}


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--trace", "absent.up"), "cannot be read"),
        (("--device", "absent.json"), "isthmus edge profile"),
    ],
)
def test_a_wrong_option_is_told_what_to_give(
    folder: Path, capsys: pytest.CaptureFixture[str], words: tuple[str, ...], said: str
) -> None:
    assert run("--bundle", str(folder), *words) == 3
    assert said in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--max-loss", "-1"), "--max-loss: '-1' is not between 0 and 100 points of accuracy"),
        (("--uplink", "2MB/s"), "--uplink: '2MB/s' is not a rate: MB/s counts bytes; write 16Mbit/s"),
        (("--rtt", "60"), "--rtt: '60' is not a time: it has no unit; write 60ms or 60s"),
        (("--tokens", "nan"), "--tokens: 'nan' is not between 1 and 100000 tokens"),
    ],
)
def test_a_number_out_of_bounds_is_told_the_bounds(
    folder: Path, capsys: pytest.CaptureFixture[str], words: tuple[str, ...], said: str
) -> None:
    with pytest.raises(SystemExit, match="2"):
        run("--bundle", str(folder), *words)
    assert said in capsys.readouterr().err


def test_a_link_is_steady_or_recorded_not_both(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        run("--bundle", str(folder), "--uplink", "2Mbps", "--trace", "t.up")
    assert "not allowed with" in capsys.readouterr().err


def test_help_teaches_with_examples(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        run("--help")
    assert "isthmus plan --bundle bundle --trace lte.up" in capsys.readouterr().out
