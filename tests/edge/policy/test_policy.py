"""Decisions with plain values: a small bundle, a device, a link, a cloud."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.policy.decision import CHOSEN, Decision, KnownCloud, Request
from edge.policy.explain import ACCURACY, COLUMNS, explain, sentence
from edge.policy.policy import KEEP, decide
from protos import bundle_pb2 as pb
from protos.arms.loss import NOISE
from protos.arms.rules import Rules
from protos.costs.cost import OVERHEAD_BYTES
from protos.costs.estimates import CloudEstimate, LinkEstimate
from protos.costs.power import MODEL
from protos.costs.profile import DeviceProfile
from protos.costs.weights import Weights
from protos.errors import NoRoute, UnknownName
from protos.measurements import FIDELITY


def manifest(*, with_local: bool = True) -> pb.Manifest:
    cuts = [
        pb.Cut(name="vision.2", codecs=[pb.Codec(name="int8-zstd")]),
        pb.Cut(name="connector", codecs=[pb.Codec(name="int8-zstd"), pb.Codec(name="fp16-zstd")]),
    ]
    return pb.Manifest(cuts=cuts, local=pb.Local(decoder="decoder.onnx") if with_local else None)


def measured(mean_tiles: float = 1.0) -> pb.Measurements:
    early = {"int8-zstd": pb.MeasuredCodec(mean_bytes=10_000, accuracy=94.9)}
    late = {
        "int8-zstd": pb.MeasuredCodec(mean_bytes=2_000, accuracy=94.8),
        "fp16-zstd": pb.MeasuredCodec(mean_bytes=6_000, accuracy=95.0),
    }
    uploads = [
        pb.MeasuredUpload(format="jpeg", quality=75, mean_bytes=4_000, accuracy=95.0),
        pb.MeasuredUpload(format="webp", quality=50, mean_bytes=1_500, accuracy=94.0),
    ]
    return pb.Measurements(
        accuracy=95.0,
        mean_tiles=mean_tiles,
        cuts={"vision.2": pb.MeasuredCut(codecs=early), "connector": pb.MeasuredCut(codecs=late)},
        uploads=uploads,
        local=pb.MeasuredLocal(accuracy=90.0),
    )


MANIFEST, MEASURED = manifest(), measured()
DEVICE = DeviceProfile(
    pieces={"vision.2": 20.0, "connector": 40.0},
    encode_ms={"jpeg-75": 2.0, "webp-50": 4.0},
    prefill_ms=100.0,
    token_ms=25.0,
    preprocess_ms=5.0,
    machine="a device",
    threads=1,
    digest="d",
)
CLOUD = CloudEstimate(
    {"vision.2": 40.0, "connector": 1.0, "pixels": 50.0}, prefill_ms=10.0, token_ms=5.0, queue_ms=3.0
)
GOOD = LinkEstimate.steady(1e9, 5.0)


def link_of(rate: float, round_trip_ms: float, up: bool) -> LinkEstimate:
    return replace(LinkEstimate.steady(rate, round_trip_ms), up=up)


def via(link: LinkEstimate | None, cloud: CloudEstimate = CLOUD) -> list[KnownCloud]:
    """The one cloud behind a link, or none."""
    return [KnownCloud(link, cloud)] if link else []


def choose(
    rules: Rules | None = None, link: LinkEstimate | None = GOOD, last: str | None = None, **known: object
) -> Decision:
    request = Request(rules or Rules(), tokens=4, **known)  # type: ignore[arg-type]
    return decide(request, DEVICE, via(link), MANIFEST, MEASURED, last=last)


def verdicts(decision: Decision) -> dict[str, str]:
    return {p.arm.name: p.verdict for p in decision.arms}


def test_a_prediction_adds_up_its_parts() -> None:
    (split,) = (p for p in choose(spent_ms=7).arms if p.arm.name == "split@vision.2/int8-zstd")
    assert (split.head, split.queue, split.cloud, split.generate) == (20, 3, 40, 10 + 4 * 5)
    assert split.network == pytest.approx(5 + 8000 * split.bytes_up / 1e9)
    assert split.total_ms == pytest.approx(7 + 20 + split.network + 3 + 40 + 30)
    assert split.bytes_up > 10_000


def test_a_picture_in_tiles_costs_so_many_times_the_head_and_its_share_of_the_bytes() -> None:
    device = replace(DEVICE, encode_ms={"vision.2/int8-zstd": 3.0})
    decision = decide(Request(tiles=5, tokens=4), device, via(GOOD), MANIFEST, measured(mean_tiles=10))
    split, local = (
        {p.arm.name: p for p in decision.arms}[name] for name in ("split@vision.2/int8-zstd", "local")
    )
    assert (split.head, split.encode, local.head) == (5 * 20, 5 * 3, 5 * 60)
    assert split.bytes_up == 10_000 // 2 + OVERHEAD_BYTES


def test_a_local_answer_costs_the_whole_head_and_its_own_decoder() -> None:
    (local,) = (p for p in choose().arms if p.arm.name == "local")
    assert (local.head, local.generate, local.bytes_up, local.network) == (60, 200, 0, 0)


def test_what_the_head_has_run_for_a_picture_is_not_run_again() -> None:
    fresh, reached = ({p.arm.name: p for p in choose(reached=cuts).arms} for cuts in ((), ("vision.2",)))
    assert reached["local"].head == fresh["local"].head - 20
    assert reached["split@vision.2/int8-zstd"].head == 0
    assert reached["upload@jpeg-75"].total_ms == fresh["upload@jpeg-75"].total_ms
    # a boundary behind a cut is of no use on the way there
    behind = {p.arm.name: p for p in choose(reached=("connector",)).arms}
    assert behind["split@vision.2/int8-zstd"].head == 20
    assert behind["local"].head == 0


def test_every_cut_codec_and_upload_is_an_arm() -> None:
    assert set(verdicts(choose())) == {
        "local",
        "split@vision.2/int8-zstd",
        "split@connector/int8-zstd",
        "split@connector/fp16-zstd",
        "upload@jpeg-75",
        "upload@webp-50",
    }


def test_as_the_uplink_falls_the_payload_shrinks_and_then_stays_at_home() -> None:
    names = [choose(link=LinkEstimate.steady(rate, 5.0)).arm.name for rate in (1e9, 300e3, 16e3)]
    assert names == ["upload@jpeg-75", "split@connector/int8-zstd", "local"]


def test_bytes_sent_never_grow_as_the_uplink_falls() -> None:
    sizes = [
        choose(link=LinkEstimate.steady(10**power, 20.0)).chosen.bytes_up for power in (9, 8, 7, 6, 5, 4)
    ]
    assert sizes == sorted(sizes, reverse=True)


def test_a_long_queue_sends_the_answer_home() -> None:
    busy = replace(CLOUD, queue_ms=5000.0)
    assert decide(Request(), DEVICE, via(GOOD, busy), MANIFEST, MEASURED).arm.kind == "local"


def test_never_upload_forbids_pictures_but_not_features() -> None:
    decision = choose(Rules(never_upload=True))
    assert decision.arm.kind == "split"
    assert verdicts(decision)["upload@jpeg-75"] == "rule never-upload"


def test_splits_elsewhere_are_forbidden_and_no_other_way() -> None:
    told = verdicts(choose(Rules(cuts=("connector",))))
    assert told["split@vision.2/int8-zstd"] == "rule cuts: connector"
    assert [name for name, why in told.items() if why.startswith("rule")] == ["split@vision.2/int8-zstd"]


def test_splits_by_another_codec_are_forbidden() -> None:
    told = verdicts(
        choose(Rules(cuts=("connector",), codec="fp16-zstd", allow_local=False, never_upload=True))
    )
    assert told["split@connector/int8-zstd"] == "rule codec: fp16-zstd"
    assert told["split@connector/fp16-zstd"] == CHOSEN


def test_a_rule_about_a_cut_or_codec_that_the_bundle_has_not_is_no_rule() -> None:
    with pytest.raises(UnknownName, match=r"no cut 'vision.3' \(did you mean vision.2"):
        choose(Rules(cuts=("vision.3",)))
    with pytest.raises(UnknownName, match="no codec 'fp16-zstd'"):
        choose(Rules(cuts=("vision.2",), codec="fp16-zstd"))


def test_never_leave_device_beats_all() -> None:
    decision = choose(Rules(never_leave_device=True), LinkEstimate.steady(1e9, 1))
    assert decision.arm.kind == "local"
    assert verdicts(decision)["split@vision.2/int8-zstd"] == "rule never-leave-device"


def test_local_can_be_forbidden() -> None:
    decision = choose(Rules(allow_local=False), LinkEstimate.steady(16e3, 500))
    assert decision.arm.kind != "local"
    assert verdicts(decision)["local"] == "rule no-local"


def test_an_arm_that_misses_the_deadline_is_dropped() -> None:
    decision = choose(Rules(deadline_ms=200))
    assert verdicts(decision)["local"] == "deadline: needs 260 ms of 200 ms"
    assert not decision.late


def test_time_already_spent_counts_against_the_deadline() -> None:
    assert choose(Rules(deadline_ms=300)).arm.name == choose().arm.name
    assert choose(Rules(deadline_ms=300), spent_ms=250).late


def test_if_every_arm_is_late_the_best_lawful_one_is_taken_and_marked() -> None:
    decision = choose(Rules(deadline_ms=1, never_upload=True))
    assert decision.late
    lawful = [p for p in decision.arms if p.arm.kind != "upload"]
    assert decision.chosen.score == min(p.score for p in lawful)


def test_an_open_breaker_keeps_the_request_at_home_and_says_until_when() -> None:
    decision = choose(
        link=replace(
            LinkEstimate.steady(1e9, 1), up=False, retry_seconds=4.2, unavailable_reason="cloud unreachable"
        )
    )
    assert decision.arm.kind == "local"
    assert verdicts(decision)["upload@jpeg-75"] == "cloud unreachable, next try in 4 s"
    assert decision.outage == "cloud unreachable, next try in 4 s"


def test_an_outage_is_none_where_the_rules_ask_for_no_cloud() -> None:
    down = replace(
        LinkEstimate.steady(1e9, 1), up=False, retry_seconds=4.2, unavailable_reason="cloud unreachable"
    )
    for rules in (Rules(never_leave_device=True), Rules(route="local"), Rules(route="upload")):
        assert choose(rules, link=down).outage == ""
    assert choose().outage == ""


def test_without_a_cloud_there_is_local_only() -> None:
    assert list(verdicts(choose(link=None))) == ["local"]


def test_a_temperature_needs_the_cloud() -> None:
    decision = choose(link=LinkEstimate.steady(16e3, 900), local_unavailable_reason="greedy only")
    assert decision.arm.kind != "local"
    assert "greedy" in verdicts(decision)["local"]


def test_a_frame_that_the_cloud_keeps_needs_no_payload() -> None:
    decision = choose(link=LinkEstimate.steady(1e6, 50), cached_accuracy=94.9)
    assert decision.arm.name == "cached"
    assert decision.chosen.bytes_up < 500
    assert decision.chosen.cloud == 0


@pytest.mark.parametrize(
    ("route", "arm"),
    [
        ("local", "local"),
        ("split", "split@connector/int8-zstd"),
        ("split@vision.2", "split@vision.2/int8-zstd"),
        ("split@connector/fp16-zstd", "split@connector/fp16-zstd"),
        ("upload", "upload@jpeg-75"),
        ("upload@webp-50", "upload@webp-50"),
    ],
)
def test_a_forced_route_is_taken(route: str, arm: str) -> None:
    decision = choose(Rules(route=route), LinkEstimate.steady(1e6, 5))
    assert decision.arm.name == arm
    assert all(p.verdict == f"route {route} was asked for" for p in decision.arms if not p.arm.fits(route))


def test_a_forced_route_is_tried_though_the_breaker_is_open() -> None:
    assert choose(Rules(route="upload"), replace(GOOD, up=False)).arm.kind == "upload"


@pytest.mark.parametrize(
    "route",
    ["split@vision.3", "split@connector/int4", "upload@png-1", "carrier-pigeon", "local@here", "split@", ""],
)
def test_a_route_that_is_not_there_names_those_that_are(route: str) -> None:
    with pytest.raises(UnknownName, match="choose one of: ") as caught:
        choose(Rules(route=route))
    assert caught.value.exit_code == 3


def test_a_forced_route_that_breaks_a_rule_is_no_route() -> None:
    with pytest.raises(
        NoRoute, match=r"route 'upload@webp-50' impossible; relax one: upload@webp-50: rule never-upload$"
    ):
        choose(Rules(route="upload@webp-50", never_upload=True))


def test_a_forced_route_without_a_cloud_says_how_to_give_one() -> None:
    with pytest.raises(NoRoute, match="--cloud HOST:PORT"):
        choose(Rules(route="split"), link=None)


def test_no_route_gives_every_reason() -> None:
    with pytest.raises(NoRoute) as caught:
        choose(Rules(never_leave_device=True, allow_local=False))
    assert "local: rule no-local" in str(caught.value)
    assert "rule never-leave-device" in str(caught.value)


def test_a_bundle_without_a_local_model_says_how_to_get_one() -> None:
    with pytest.raises(NoRoute, match="--with-local"):
        decide(Request(), DEVICE, [], manifest(with_local=False), MEASURED)


def test_the_last_arm_is_kept_unless_another_is_clearly_better() -> None:
    best = choose()
    second = min((p for p in best.arms if p is not best.chosen), key=lambda p: p.score)
    assert (best.chosen.score < second.score * (1 - KEEP)) or choose(last=second.arm.name).arm == second.arm
    assert choose(last="local").arm == best.arm


def test_hysteresis_does_not_send_a_frame_twice_that_the_cloud_keeps() -> None:
    small = measured()
    kept = small.cuts["vision.2"].codecs["int8-zstd"]
    kept.mean_bytes = 1
    again = decide(
        Request(Rules(allow_local=False), cached_accuracy=kept.accuracy),
        DEVICE,
        via(GOOD),
        MANIFEST,
        small,
        last="split@vision.2/int8-zstd",
    )
    assert again.arm.kind == "cached"


def test_hysteresis_holds_between_two_arms_that_cost_the_same() -> None:
    twins = measured()
    twins.uploads.add(format="webp", quality=51, mean_bytes=4_040, accuracy=95.0)
    device = replace(DEVICE, encode_ms={**DEVICE.encode_ms, "webp-51": 2.0})
    for name in ("upload@jpeg-75", "upload@webp-51"):
        kept = decide(Request(tokens=4), device, via(GOOD), MANIFEST, twins, last=name)
        assert kept.arm.name == name
        assert (
            any("change of arm" in p.verdict for p in kept.arms)
            or name == decide(Request(tokens=4), DEVICE, via(GOOD), MANIFEST, twins).arm.name
        )


def test_accuracy_is_worth_what_the_operator_says() -> None:
    careless = decide(
        Request(weights=Weights(accuracy_point=0), tokens=4),
        DEVICE,
        via(LinkEstimate.steady(200e3, 5)),
        MANIFEST,
        MEASURED,
    )
    careful = decide(
        Request(weights=Weights(accuracy_point=1000), tokens=4),
        DEVICE,
        via(LinkEstimate.steady(200e3, 5)),
        MANIFEST,
        MEASURED,
    )
    assert careless.chosen.accuracy < careful.chosen.accuracy
    assert careless.chosen.total_ms < careful.chosen.total_ms


def noisy(error: float) -> pb.Measurements:
    """The small upload seems to lose a point; so much of that may be noise."""
    found = measured()
    found.uploads[1].loss_error = error
    return found


def test_a_loss_within_noise_costs_nothing_and_what_is_beyond_counts() -> None:
    careful = Request(weights=Weights(accuracy_point=1000), tokens=4)
    lost = {}
    for error in (0.0, 0.3, 1.0):
        decision = decide(careful, DEVICE, via(GOOD), MANIFEST, noisy(error))
        (small,) = (p for p in decision.arms if p.arm.name == "upload@webp-50")
        lost[error] = small.score - small.total_ms
    assert lost == {0.0: pytest.approx(1000), 0.3: pytest.approx(1000 - 300 * NOISE), 1.0: pytest.approx(0)}


def test_no_arm_may_lose_more_than_is_allowed_and_the_verdict_says_what_it_loses() -> None:
    slow = LinkEstimate.steady(16e3, 5.0)
    assert choose(link=slow).arm.name == "local"
    decision = choose(Rules(max_loss=0.5), link=slow)
    assert decision.arm.name == "split@connector/int8-zstd"
    assert verdicts(decision)["local"] == "rule max-loss: surely loses 5.0 points of 0.5"
    assert verdicts(decision)["upload@webp-50"] == "rule max-loss: surely loses 1.0 points of 0.5"


def test_what_may_be_lost_binds_a_route_that_is_asked_for_and_what_the_cloud_keeps() -> None:
    with pytest.raises(NoRoute, match="rule max-loss"):
        choose(Rules(max_loss=0.5, route="local"))
    kept = choose(Rules(max_loss=0.5), cached_accuracy=94.0)
    assert verdicts(kept)["cached"].startswith("rule max-loss")
    assert choose(Rules(max_loss=0.5), cached_accuracy=95.0).arm.name == "cached"


def test_of_what_the_cloud_keeps_no_more_is_sure_than_of_the_way_it_came() -> None:
    request = Request(Rules(max_loss=0.5), cached_accuracy=94.0)
    assert decide(request, DEVICE, via(GOOD), MANIFEST, noisy(1.0)).arm.name == "cached"


def test_a_format_that_this_device_cannot_encode_is_no_way() -> None:
    device = replace(DEVICE, encode_ms={"jpeg-75": 2.0})
    decision = decide(Request(tokens=4), device, via(GOOD), MANIFEST, MEASURED)
    assert verdicts(decision)["upload@webp-50"] == "this device cannot encode webp"


def test_an_accuracy_is_explained_by_its_measure_and_interval() -> None:
    found = measured()
    found.measure = FIDELITY
    found.uploads[0].accuracy_low, found.uploads[0].accuracy_high = 93.5, 96.25
    decision = decide(Request(Rules(route="upload@jpeg-75")), DEVICE, via(GOOD), MANIFEST, found)
    assert explain(decision)[0][COLUMNS.index(ACCURACY)] == "95.0% (93.5-96.2)"
    assert "95.0% fidelity" in sentence(decision)


def test_bytes_are_worth_what_the_operator_says() -> None:
    metered = decide(Request(weights=Weights(kilobyte=1e6)), DEVICE, via(GOOD), MANIFEST, MEASURED)
    assert metered.chosen.bytes_up == 0


def test_explain_gives_a_row_for_every_arm_the_chosen_first() -> None:
    decision = choose(Rules(deadline_ms=200))
    rows = explain(decision)
    assert len(rows) == len(decision.arms)
    assert all(len(row) == len(COLUMNS) for row in rows)
    why = COLUMNS.index("why")
    assert (rows[0][0], rows[0][why]) == (decision.arm.name, CHOSEN)
    assert all(row[why] for row in rows)
    assert sentence(decision).startswith(f"{decision.arm.name} was chosen among {len(rows)}: ")
    assert sentence(decision).endswith(f"; next, {rows[1][0]}: {rows[1][why]}")


@given(
    rules=st.builds(
        Rules,
        deadline_ms=st.none() | st.floats(1, 5000),
        never_upload=st.booleans(),
        never_leave_device=st.booleans(),
        allow_local=st.booleans(),
        max_loss=st.none() | st.floats(0, 6),
        route=st.sampled_from(["auto", "local", "split", "split@connector", "upload", "upload@webp-50"]),
    ),
    link=st.none() | st.builds(link_of, st.floats(1e3, 1e10), st.floats(0.1, 5000), st.booleans()),
    last=st.sampled_from([None, "local", "upload@jpeg-75", "split@vision.2/int8-zstd"]),
    cached_accuracy=st.none() | st.floats(0, 100),
)
def test_the_chosen_arm_never_breaks_a_rule(
    rules: Rules, link: LinkEstimate | None, last: str | None, cached_accuracy: float | None
) -> None:
    try:
        decision = decide(
            Request(rules, cached_accuracy=cached_accuracy),
            DEVICE,
            via(link),
            MANIFEST,
            MEASURED,
            last=last,
        )
    except NoRoute:
        return
    arm = decision.arm
    assert not (rules.never_leave_device and arm.kind != "local")
    assert not (rules.never_upload and arm.kind == "upload")
    assert rules.allow_local or arm.kind != "local"
    assert link is not None or arm.kind == "local"
    assert arm.fits(rules.route)
    assert rules.max_loss is None or arm.loss <= rules.max_loss
    assert decision.late or rules.deadline_ms is None or decision.chosen.total_ms <= rules.deadline_ms


def test_a_busy_device_takes_a_way_that_keeps_it_less_busy() -> None:
    fast = Weights(accuracy_point=0.0)
    idle = choose(Rules(never_upload=True), LinkEstimate.steady(110e3, 60.0), weights=fast)
    busy = choose(
        Rules(never_upload=True),
        LinkEstimate.steady(110e3, 60.0),
        weights=fast,
        rate=10.0,
        spent_ms=500.0,
    )
    assert idle.arm.kind == "local"
    assert busy.arm.remote
    assert busy.chosen.total_ms - 500 > idle.chosen.total_ms


def test_of_many_ways_those_are_shown_that_matter() -> None:
    uploads = measured()
    for quality in range(20, 60):
        uploads.uploads.add(format="jpeg", quality=quality, mean_bytes=100_000, accuracy=95.0)
    device = replace(DEVICE, encode_ms={**DEVICE.encode_ms, **{f"jpeg-{q}": 2.0 for q in range(20, 60)}})
    rules = Rules(deadline_ms=250)
    decision = decide(Request(rules, tokens=4), device, via(LinkEstimate.steady(3e6, 5.0)), MANIFEST, uploads)
    rows = explain(decision, few=True)
    shown = [row[0] for row in rows]
    assert shown[0] == decision.arm.name
    assert {name.partition("@")[0] for name in shown} == {"local", "split", "upload"}
    assert any(row[COLUMNS.index("why")].startswith("deadline: ") for row in rows)
    assert len(rows) <= 6
    assert [row for row in explain(decision) if row in rows] == rows, "in the same order"


def test_a_verdict_names_what_most_of_the_difference_is_for() -> None:
    slow = LinkEstimate.steady(200e3, 5.0)
    careful = decide(
        Request(weights=Weights(accuracy_point=1000), tokens=4), DEVICE, via(slow), MANIFEST, MEASURED
    )
    assert "loses 5.0 points" in verdicts(careful)["local"]
    assert verdicts(careful)["split@connector/fp16-zstd"].endswith(" ms slower")


def with_cascade() -> pb.Measurements:
    """The device is wrong in one of twenty, and knows it: of three in ten it is not sure."""
    found = measured()
    cascades = [
        pb.Cascade(escalated=0.0, threshold=0.1, accuracy=90.0),
        pb.Cascade(escalated=0.3, threshold=0.8, accuracy=94.8),
        pb.Cascade(escalated=1.0, threshold=2.0, accuracy=95.0),
    ]
    calibration = pb.Calibration(cut="connector", codec="int8-zstd", cascades=cascades)
    found.local.calibration.CopyFrom(calibration)
    return found


def cascading(link: LinkEstimate | None = None, **rules: object) -> Decision:
    request = Request(rules=Rules(**rules), tokens=4)  # type: ignore[arg-type]
    return decide(request, DEVICE, via(link or LinkEstimate.steady(1e6, 400)), MANIFEST, with_cascade())


def test_the_device_answers_first_where_the_link_is_slow_and_its_own_answers_lose() -> None:
    assert cascading().arm.name == "cascade@30%"
    assert cascading(LinkEstimate.steady(1e9, 1)).arm.kind == "upload"


def test_a_cascade_costs_the_local_answer_and_its_share_of_the_clouds() -> None:
    decision = cascading()
    found = {p.arm.name: p for p in decision.arms}
    local, split, both = (found[n] for n in ("local", "split@connector/int8-zstd", "cascade@30%"))
    after = split.total_ms - split.head
    assert both.total_ms == pytest.approx(local.total_ms + 0.3 * after)
    assert both.network == pytest.approx(0.3 * split.network)
    assert both.bytes_up == round(0.3 * split.bytes_up)
    assert both.busy_ms == pytest.approx(local.busy_ms + 0.3 * split.encode)
    assert both.joules == pytest.approx(MODEL.joules(both.busy_ms, 0, both.bytes_up, remote=True))


def test_a_cascade_is_in_time_as_often_as_its_parts_are() -> None:
    limit = 700.0  # enough for the device, and for nothing through the cloud behind it
    found = {p.arm.name: p for p in cascading(deadline_ms=limit, confidence=0.6).arms}
    assert found["local"].in_time == pytest.approx(1.0)
    assert found["cascade@30%"].in_time == pytest.approx(0.7, abs=0.01)


def test_rules_of_the_device_and_of_the_cloud_both_forbid_a_cascade() -> None:
    for rules in ({"allow_local": False}, {"never_leave_device": True}, {"route": "split"}):
        verdicts = {p.arm.name: p.verdict for p in cascading(**rules).arms}
        assert verdicts["cascade@30%"].startswith(("rule ", "route "))
    away = LinkEstimate.steady(1e6, 400)
    away = replace(away, up=False, retry_seconds=5.0)
    assert cascading(away).arm.name == "local"


def test_an_answer_that_is_not_sure_goes_on_by_the_cascades_split() -> None:
    escalated = cascading().escalated()
    assert escalated.arm.name == "split@connector/int8-zstd"
    assert escalated.chosen.network > 400


NEAR, FAR = (
    KnownCloud(LinkEstimate.steady(1e9, round_trip), CLOUD, name)
    for name, round_trip in (("near", 5.0), ("far", 90.0))
)
REMOTE = Rules(allow_local=False)


def test_every_cloud_has_arms_of_its_own_and_the_best_of_all_is_taken() -> None:
    decision = decide(Request(tokens=4), DEVICE, [FAR, NEAR], MANIFEST, MEASURED)
    one = decide(Request(tokens=4), DEVICE, via(GOOD), MANIFEST, MEASURED)
    remote = [p.arm.name for p in one.arms if p.arm.remote]
    assert [p.name for p in decision.arms if p.cloud_name == "near"] == [
        f"{name} via near" for name in remote
    ]
    assert [p.name for p in decision.arms if p.cloud_name == "far"] == [f"{name} via far" for name in remote]
    assert decision.chosen.name == f"{one.arm.name} via near"
    assert sentence(decision).startswith(f"{one.arm.name} via near was chosen")


def test_where_one_cloud_is_away_another_is_asked_and_the_first_says_why() -> None:
    away = replace(
        NEAR, link=replace(NEAR.link, up=False, retry_seconds=7.0, unavailable_reason="cloud busy")
    )
    decision = decide(Request(REMOTE, tokens=4), DEVICE, [away, FAR], MANIFEST, MEASURED)
    assert decision.chosen.cloud_name == "far"
    assert decision.outage == ""
    assert {p.verdict for p in decision.arms if p.cloud_name == "near"} == {"cloud busy, next try in 7 s"}


def test_where_all_clouds_are_away_each_is_told_and_the_first_to_be_back_is_waited_for() -> None:
    away = [
        replace(one, link=replace(one.link, up=False, retry_seconds=seconds))
        for one, seconds in ((NEAR, 9.0), (FAR, 4.0))
    ]
    alone = decide(Request(tokens=4), DEVICE, away, MANIFEST, MEASURED)
    assert alone.arm.kind == "local"
    assert alone.outage == (
        "near: cloud unreachable, next try in 9 s; far: cloud unreachable, next try in 4 s"
    )
    with pytest.raises(NoRoute) as caught:
        decide(Request(REMOTE, tokens=4), DEVICE, away, MANIFEST, MEASURED)
    assert caught.value.facts["retry_seconds"] == 4.0


def test_a_route_that_is_insisted_on_goes_to_a_cloud_that_is_there_or_to_any_if_none_is() -> None:
    away = [replace(one, link=replace(one.link, up=False, retry_seconds=7.0)) for one in (NEAR, FAR)]
    request = Request(Rules(route="upload"), tokens=4)
    assert decide(request, DEVICE, [away[0], FAR], MANIFEST, MEASURED).chosen.cloud_name == "far"
    assert decide(request, DEVICE, away, MANIFEST, MEASURED).chosen.cloud_name == "near"


def test_a_request_goes_to_no_cloud_twice() -> None:
    request = Request(Rules(route="upload"), tokens=4, failed=frozenset({"near"}))
    decision = decide(request, DEVICE, [NEAR, FAR], MANIFEST, MEASURED)
    assert decision.chosen.cloud_name == "far"


def test_a_frame_is_asked_about_again_where_it_is_kept() -> None:
    request = Request(REMOTE, tokens=4, cached_accuracy=95.0, cached_at="far")
    decision = decide(request, DEVICE, [NEAR, FAR], MANIFEST, MEASURED)
    assert [p.name for p in decision.arms if p.arm.kind == "cached"] == ["cached via far"]


def test_the_cloud_that_answered_last_is_kept_while_another_is_hardly_better() -> None:
    twin = replace(NEAR, name="twin")
    for last in ("near", "twin"):
        arm = decide(Request(REMOTE, tokens=4), DEVICE, [NEAR], MANIFEST, MEASURED).arm.name
        decision = decide(
            Request(REMOTE, tokens=4), DEVICE, [NEAR, twin], MANIFEST, MEASURED, last=f"{arm} via {last}"
        )
        assert decision.chosen.cloud_name == last
