"""`isthmus ask` as a person runs it."""

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import cv2
import grpc
import pytest

import isthmus
from edge import config
from edge.decision_log.log_file import read_log
from edge.link.link import Link
from edge.testing.scripted_cloud import falls_silent, refuses, says, serving
from protos.bundle import Bundle, write_manifest
from protos.errors import CloudError, NoRoute
from protos.measurements import write_measurements
from splitter.nano.scenes import picture

QUESTION = "describe the image"


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("ISTHMUS_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture(autouse=True)
def default_bundle(bundle_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ISTHMUS_BUNDLE", str(bundle_path))


@pytest.fixture
def scene(tmp_path: Path) -> str:
    path = tmp_path / "scene.png"
    cv2.imwrite(str(path), picture(77).image[..., ::-1])
    return str(path)


def ask(*words: str, capsys: pytest.CaptureFixture[str]) -> tuple[int, str, str]:
    """Exit status, standard output, standard error."""
    status = isthmus.main(["ask", *words])
    told = capsys.readouterr()
    return status, told.out, told.err


def test_the_answer_alone_is_printed_and_how_it_came_goes_to_standard_error(
    scene: str, capsys: pytest.CaptureFixture[str]
) -> None:
    status, out, how = ask(scene, QUESTION, capsys=capsys)
    assert status == 0
    assert len(out.splitlines()) == 1
    assert how.startswith("local · 0 bytes up · ")
    assert all(stage in how for stage in ("preprocess", "head", "first_token"))


def test_an_answer_without_a_cloud_loads_no_codec_and_no_numba(scene: str) -> None:
    program = f"""
import sys, isthmus
assert isthmus.main(["ask", {scene!r}, {QUESTION!r}]) == 0
print([name for name in sys.modules if name == "numba"])
"""
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert run.stdout.splitlines()[-1] == "[]"


def test_a_question_to_a_cloud_loads_no_numba(scene: str) -> None:
    with serving(says("a cat")) as cloud:
        program = f"""
import sys, isthmus
words = ["ask", {scene!r}, {QUESTION!r}, "--cloud", {cloud.address!r}, "--route", "split@connector/int8-zstd"]
assert isthmus.main([*words, "--no-local"]) == 0
print([name for name in sys.modules if name == "numba"])
"""
        run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert run.stdout.splitlines()[-1] == "[]"


def test_json_is_one_object_and_nothing_else(scene: str, capsys: pytest.CaptureFixture[str]) -> None:
    status, out, _ = ask(scene, QUESTION, "--json", capsys=capsys)
    told = json.loads(out)
    assert status == 0
    assert told["route"] == told["decided"] == "local"
    assert told["text"]
    assert told["stages"]["total"] > 0
    assert [arm["arm"] for arm in told["arms"]] == ["local"]


def test_explain_all_shows_every_way_and_why_it_lost(
    scene: str, bundle: Bundle, capsys: pytest.CaptureFixture[str]
) -> None:
    with serving(says("a cat")) as cloud:
        _, out, told = ask(
            scene, QUESTION, "--cloud", cloud.address, "--never-upload", "--explain", "all", capsys=capsys
        )
    assert len(out.splitlines()) == 1
    assert "chosen" in told
    for cut in bundle.manifest.cuts:
        assert f"split@{cut.name}/int8-zstd" in told
    assert "never-upload" in told


def test_explain_shows_the_ways_that_matter_and_how_many_more_there_are(
    scene: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with serving(says("a cat")) as cloud:
        words = (scene, "--explain", "what", "is it?", "--cloud", cloud.address, "--no-local")
        _, _, told = ask(*words, capsys=capsys)
        ways = len(json.loads(ask(*words, "--json", capsys=capsys)[1])["arms"])
    _, _, *rows = [
        line for line in told.splitlines() if line.startswith(("local ", "split@", "upload@", "cascade@"))
    ]
    assert 3 <= len(rows) <= 6
    assert f"{ways - len(rows)} more ways: --explain all" in told
    assert cloud.requests[0].question == "what is it?"


def test_every_answer_says_what_energy_it_took_and_who_says_so(
    scene: str, capsys: pytest.CaptureFixture[str]
) -> None:
    told = json.loads(ask(scene, QUESTION, "--json", capsys=capsys)[1])
    assert told["joules"] > 0
    assert told["energy_source"]
    assert told["arms"][0]["joules"] > 0
    assert " J (" in ask(scene, QUESTION, capsys=capsys)[2]


def test_a_days_bytes_are_counted_over_questions_and_then_the_device_answers(
    scene: str, cache: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with serving(says("a cat")) as cloud:
        asking = (scene, QUESTION, "--cloud", cloud.address, "--weights", "accuracy=1h", "--json")
        first = json.loads(ask(*asking, "--no-local", capsys=capsys)[1])
        (sent,) = json.loads((cache / "bytes.json").read_text())["days"].values()
        assert sent == first["bytes_up"] > 0
        spent = (*asking, "--bytes-per-day", f"{sent + 10}B")
        second = json.loads(ask(*spent, capsys=capsys)[1])
        status, _, said = ask(*spent, "--no-local", capsys=capsys)
    assert (second["route"], len(cloud.requests)) == ("local", 1)
    assert (status, "10 B of " in said) == (NoRoute.exit_code, True)
    assert "are left today" in said


def test_a_log_gets_a_line_for_each_answer_and_nothing_of_what_was_said(
    scene: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    log = tmp_path / "decisions.jsonl"
    with serving(says("a cat")) as cloud:
        asking = (scene, QUESTION, "--cloud", cloud.address, "--log", str(log))
        for more in ((), ("--no-local", "--deadline", "5s")):
            assert ask(*asking, *more, capsys=capsys)[0] == 0
    records, bad = read_log(log)
    assert ([one.deadline_ms for one in records], bad) == ([None, 5000.0], [])
    assert records[1].chosen.arm == records[1].route
    assert records[1].link["mean_ms"] > 0
    assert 0 < len(records[1].others) <= 5
    assert QUESTION not in log.read_text()
    assert "a cat" not in log.read_text()


def test_a_file_that_is_no_log_is_refused_before_anything_is_asked(
    scene: str, capsys: pytest.CaptureFixture[str]
) -> None:
    status, _, said = ask(scene, QUESTION, "--log", scene, capsys=capsys)
    assert (status, "no log of decisions" in said) == (3, True)


def test_a_cloud_answers_where_the_device_must_not(scene: str, capsys: pytest.CaptureFixture[str]) -> None:
    with serving(says("a ", "cat")) as cloud:
        status, out, _ = ask(scene, QUESTION, "--cloud", cloud.address, "--no-local", capsys=capsys)
    assert (status, out) == (0, "a cat\n")


def test_of_a_captioner_it_is_said_that_the_question_is_not_read(
    scene: str, damaged: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    manifest = Bundle.open(damaged).manifest
    manifest.prompt.template = manifest.prompt.template.replace("{question}", "describe the image")
    (damaged / "manifest.json").unlink()
    write_manifest(damaged, manifest)
    _, out, told = ask(scene, "why?", "--bundle", str(damaged), capsys=capsys)
    assert (out, "nano is a captioner" in told) == (ask(scene, QUESTION, capsys=capsys)[1], True)
    assert "captioner" not in ask(scene, QUESTION, capsys=capsys)[2]
    assert "captioner" not in ask(scene, "--bundle", str(damaged), capsys=capsys)[2]


def test_options_reach_the_cloud(scene: str, capsys: pytest.CaptureFixture[str]) -> None:
    options = ("--max-tokens", "3", "--temperature", "0.5", "--seed", "9", "--route", "upload")
    with serving(says("a cat")) as cloud:
        ask(scene, QUESTION, "--cloud", cloud.address, *options, capsys=capsys)
    wish = cloud.requests[0].generation
    assert (wish.max_tokens, wish.temperature, wish.seed) == (3, 0.5, 9)
    assert cloud.requests[0].HasField("picture")


def test_what_loses_more_than_is_allowed_is_no_way_and_it_is_said(
    scene: str, damaged: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found = Bundle.open(damaged)
    found.measurements.local.accuracy = found.measurements.accuracy - 7
    found.measurements.local.loss_error = 1
    (damaged / "measurements.json").unlink()  # it is a link to the shared one
    write_measurements(damaged, found.measurements, found.digest)
    here = ("--bundle", str(damaged))
    assert ask(scene, QUESTION, *here, "--max-loss", "6", capsys=capsys)[0] == 0
    status, _, told = ask(scene, QUESTION, *here, "--max-loss", "5", capsys=capsys)
    assert status == NoRoute.exit_code
    assert "rule max-loss: surely loses 5.4 points of 5" in told
    status, _, told = ask(
        scene, QUESTION, *here, "--max-loss", "5", "--cloud", "127.0.0.1:1", "--route", "split", capsys=capsys
    )
    assert status == CloudError.exit_code, "and does not stand in for a cloud that is away"


def test_what_things_are_worth_decides(scene: str, capsys: pytest.CaptureFixture[str]) -> None:
    with serving(says("a cat")) as cloud:
        dear = ("--cloud", cloud.address, "--weights", "accuracy=0ms,kilobyte=10s", "--json")
        assert json.loads(ask(scene, QUESTION, *dear, capsys=capsys)[1])["route"] == "local"


@pytest.mark.parametrize(
    ("weights", "said"),
    [
        ("bytes=3ms", "'bytes=3ms' is no weight"),
        ("kilobyte=3", "it has no unit"),
        ("kilobyte", "is no weight"),
    ],
)
def test_a_weight_that_is_none_is_answered_with_those_that_there_are(
    scene: str, weights: str, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as caught:
        ask(scene, QUESTION, "--weights", weights, capsys=capsys)
    assert caught.value.code == 2
    assert said in capsys.readouterr().err


def test_a_dead_cloud_is_replaced_and_named(scene: str, capsys: pytest.CaptureFixture[str]) -> None:
    status, out, told = ask(scene, QUESTION, "--cloud", "127.0.0.1:1", "--route", "split", capsys=capsys)
    assert status == 0
    assert len(out.splitlines()) == 1
    assert "answered on the device: the cloud at 127.0.0.1:1 did not answer" in told


def test_another_cloud_stands_in_for_a_dead_one_and_both_are_named(
    scene: str, bundle: Bundle, capsys: pytest.CaptureFixture[str]
) -> None:
    with serving(says("a cat")) as cloud:
        far = Link(bundle)
        far.observe_transfer(1000, 2000.0, 0.0)  # so that the dead one is asked first
        far.save(config.link_file(cloud.address), 0.0, time.time())
        clouds = ["--cloud", "127.0.0.1:1", "--cloud", cloud.address]
        status, out, told = ask(scene, QUESTION, *clouds, "--route", "upload", capsys=capsys)
    assert (status, out) == (0, "a cat\n")
    assert "answered by another cloud: the cloud at 127.0.0.1:1 did not answer" in told
    assert f" via {cloud.address} · " in told


@pytest.mark.parametrize(
    ("code", "words", "told"),
    [
        (grpc.StatusCode.FAILED_PRECONDITION, (), "refused: it serves 3fa9"),
        (grpc.StatusCode.FAILED_PRECONDITION, ("half an ",), "refused: it serves 3fa9"),
        (grpc.StatusCode.UNIMPLEMENTED, (), "no service of Isthmus"),
        (grpc.StatusCode.UNAUTHENTICATED, (), "--token-file FILE"),
    ],
)
def test_a_wrong_cloud_is_told_once_beside_the_answer(
    code: grpc.StatusCode, words: tuple[str, ...], told: str, scene: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with serving(refuses(code, "it serves 3fa9", *words)) as cloud:
        asking = (scene, QUESTION, "--cloud", cloud.address, "--route", "split")
        status, out, err = ask(*asking, capsys=capsys)
    assert status == 0
    assert (out + err).count(told) == err.count(told) == 1
    assert len(cloud.requests) == 1


def test_a_cloud_that_is_left_alone_for_a_while_is_told_too(
    scene: str, bundle: Bundle, cache: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    link = Link(bundle)
    for _ in range(10):
        link.failed("cloud unreachable", 0.0)
    link.save(config.link_file("127.0.0.1:1"), 0.0, time.time())
    status, out, err = ask(scene, QUESTION, "--cloud", "127.0.0.1:1", capsys=capsys)
    assert status == 0
    assert (out + err).count("answered on the device: cloud unreachable, next try in") == 1
    _, out, err = ask(scene, QUESTION, "--cloud", "127.0.0.1:1", "--json", capsys=capsys)
    assert json.loads(out)["outage"].startswith("cloud unreachable")
    assert err == ""


def test_of_an_answer_that_breaks_off_a_program_reads_nothing(
    scene: str, capsys: pytest.CaptureFixture[str]
) -> None:
    _, here, _ = ask(scene, QUESTION, capsys=capsys)
    with serving(refuses(grpc.StatusCode.UNAVAILABLE, "killed [now]", "half an ")) as cloud:
        status, out, err = ask(scene, QUESTION, "--cloud", cloud.address, "--route", "split", capsys=capsys)
    assert status == 0
    assert out == here
    assert "killed [now]" in err


def test_on_a_terminal_a_broken_answer_is_told_and_begun_again(
    scene: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    with serving(refuses(grpc.StatusCode.UNAVAILABLE, "killed [now]", "half an ")) as cloud:
        status, out, err = ask(scene, QUESTION, "--cloud", cloud.address, "--route", "split", capsys=capsys)
    assert status == 0
    broken, whole = out.splitlines()
    assert broken == "half an "
    assert whole
    assert "broke off" in err
    assert "[now]" in err


def test_a_question_needs_no_quotes_and_options_stand_anywhere(
    scene: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with serving(says("a cat")) as cloud:
        words = ("what", "--cloud", cloud.address, "is", "on", "--no-local", "it?", "--seed", "3", "-3")
        assert ask(scene, *words, capsys=capsys)[:2] == (0, "a cat\n")
        assert ask("--no-local", "--cloud", cloud.address, scene, "--", "--why", "-q", capsys=capsys)[0] == 0
        assert ask(scene, "- is it?", "--cloud", cloud.address, "--no-local", capsys=capsys)[0] == 0
    asked = [request.question for request in cloud.requests]
    assert asked == ["what is on it? -3", "--why -q", "- is it?"]


def test_a_deadline_is_kept_with_a_local_answer(scene: str, capsys: pytest.CaptureFixture[str]) -> None:
    with serving(falls_silent()) as cloud:
        words = (
            scene,
            QUESTION,
            "--cloud",
            cloud.address,
            "--route",
            "split",
            "--deadline",
            "3s",
            "--confidence",  # the device begins at once, not when only the time for its answer is left
            "1",
            "--max-tokens",
            "1",
            "--json",
        )
        status, out, _ = ask(*words, capsys=capsys)
    assert status == 0
    assert "the device was first" in json.loads(out)["fallback"]


def test_what_was_learned_is_there_for_the_next_question(
    scene: str, cache: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with serving(says("a cat")) as cloud:
        ask(scene, QUESTION, "--cloud", cloud.address, "--no-local", capsys=capsys)
        (memory,) = (cache / "links").iterdir()
        assert len(json.loads(memory.read_text())["uplink"]) == 1
        ask(scene, QUESTION, "--cloud", cloud.address, "--no-local", capsys=capsys)
        assert len(json.loads(memory.read_text())["uplink"]) == 2


@pytest.mark.parametrize(
    ("words", "status", "says_what"),
    [
        (("no-such.png", QUESTION), 3, "no-such.png"),
        (("SCENE", ""), 3, "the question is empty"),
        (("SCENE", "x" * 100_000), 3, "shorter"),
        (("SCENE", QUESTION, "--route", "split@vision.3"), 3, "choose one of: vision.2"),
        (("SCENE", QUESTION, "--route", "upload"), 6, "--cloud HOST:PORT"),
        (("SCENE", QUESTION, "--no-local"), 6, "no-local"),
        (("SCENE", QUESTION, "--temperature", "1"), 6, "greedy"),
        (("SCENE", QUESTION, "--bundle", "no-such-bundle"), 4, "isthmus split -o no-such-bundle"),
        (("SCENE", QUESTION, "--cloud", "127.0.0.1:1", "--no-local"), 5, "check the address"),
        (
            ("SCENE", QUESTION, "--cloud", "127.0.0.1:1", "--route", "upload", "--never-upload"),
            6,
            "never-upload",
        ),
    ],
)
def test_what_cannot_be_done_says_what_to_do(
    words: tuple[str, ...], status: int, says_what: str, scene: str, capsys: pytest.CaptureFixture[str]
) -> None:
    found, _, err = ask(*(scene if word == "SCENE" else word for word in words), capsys=capsys)
    assert found == status
    assert err.startswith("isthmus: ")
    assert says_what in err


@pytest.mark.parametrize(
    "words",
    [
        ("--deadline", "0ms"),
        ("--deadline", "300"),
        ("--temperature", "nan"),
        ("--seed", "-1"),
        ("--threads", "0"),
        ("--max-tokens", "x"),
        ("--bytes-per-day", "50"),
        ("--bytes-per-day", "50Mbit"),
        ("--battery-floor", "20"),
        ("--battery-floor", "120%"),
        ("--temperature-ceiling", "85F"),
    ],
)
def test_an_option_out_of_bounds_is_refused(
    words: tuple[str, str], scene: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as caught:
        isthmus.main(["ask", scene, QUESTION, *words])
    assert caught.value.code == 2
    assert words[0] in capsys.readouterr().err


@pytest.fixture(scope="module")
def real_cloud(bundle_path: Path) -> Iterator[str]:
    """The address of the real service, in a process of its own."""
    command = [
        sys.executable,
        "-m",
        "isthmus",
        "cloud",
        "serve",
        "--bundle",
        str(bundle_path),
        "--listen",
        "127.0.0.1:0",
        "--threads",
        "1",
    ]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        address = next(line.split()[-1] for line in process.stdout if line.startswith("listening on"))
        yield address
        process.terminate()


@pytest.mark.slow
@pytest.mark.parametrize(
    "route",
    ["upload", "split@vision.2/int8-zstd", "split@vision.4/fp16-zstd", "split@connector/int8-zstd"],
)
def test_the_real_cloud_answers_as_the_device_does(
    real_cloud: str, route: str, scene: str, capsys: pytest.CaptureFixture[str]
) -> None:
    kind = "what is the background?"
    _, here, _ = ask(scene, kind, "--json", capsys=capsys)
    _, there, _ = ask(
        scene, kind, "--json", "--cloud", real_cloud, "--route", route, "--no-local", capsys=capsys
    )
    told = json.loads(there)
    assert told["route"].startswith(route)
    assert told["text"] == json.loads(here)["text"]
    assert 0 < told["payload_bytes"] < told["bytes_up"]
    assert told["stages"]["first_token"] > 0


@pytest.mark.slow
def test_a_cloud_with_another_bundle_is_refused_with_what_it_serves(
    real_cloud: str, scene: str, damaged: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    manifest = damaged / "manifest.json"
    text = manifest.read_text()
    manifest.unlink()  # it is a link to the shared one
    manifest.write_text(text + "\n")
    words = (
        scene,
        QUESTION,
        "--bundle",
        str(damaged),
        "--cloud",
        real_cloud,
        "--route",
        "split",
        "--no-local",
    )
    status, _, err = ask(*words, capsys=capsys)
    assert status == 4
    assert "refused" in err
