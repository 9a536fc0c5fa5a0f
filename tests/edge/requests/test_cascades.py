"""The device answers first, and asks a real server where it is not sure."""

from pathlib import Path

import grpc
import numpy as np
import pytest

from edge.link.client import CloudClient
from edge.pictures.resampling import Picture
from edge.requests.answer import Answer
from edge.requests.orchestrator import Orchestrator
from edge.testing.scripted_cloud import Script, ScriptedCloud, refuses, says, serving
from protos import bundle_pb2 as pb
from protos.arms.rules import Rules
from protos.bundle import Bundle
from protos.costs.profile import DeviceProfile
from protos.features import coding_of
from protos.measurements import write_measurements

PICTURE: Picture = np.random.default_rng(5).integers(0, 256, (96, 160, 3), dtype=np.uint8)
QUESTION = "describe the image"
CASCADE = Rules(route="cascade")
NEVER, ALWAYS = 2.0, 0.0  # thresholds that no answer reaches, and every one


def accepting(folder: Path, threshold: float) -> Bundle:
    """The bundle, with a single cascade of this threshold."""
    bundle, found = Bundle.open(folder), pb.Measurements()
    found.CopyFrom(bundle.measurements)
    del found.local.calibration.cascades[:]
    found.local.calibration.cascades.add(escalated=0.3, threshold=threshold, accuracy=found.accuracy)
    write_measurements(folder, found, bundle.digest)
    return Bundle.open(folder)


def ask(
    bundle: Bundle, script: Script, told: list[str], rules: Rules = CASCADE
) -> tuple[Answer, ScriptedCloud]:
    with serving(script) as cloud, CloudClient(cloud.address) as client:
        orchestrator = Orchestrator(bundle, client, DeviceProfile.from_bundle(bundle))
        return orchestrator.answer(PICTURE, QUESTION, rules, on_text=told.append), cloud


def test_a_sure_answer_is_given_and_nothing_is_sent(damaged: Path) -> None:
    bundle, told = accepting(damaged, ALWAYS), list[str]()
    answer, cloud = ask(bundle, says("a cat"), told)
    alone = Orchestrator(bundle, None, DeviceProfile.from_bundle(bundle)).answer(PICTURE, QUESTION)
    assert (answer.route, answer.escalated, cloud.requests) == ("local", False, [])
    assert answer.text == alone.text == "".join(told)
    assert answer.decision.arm.name == "cascade@30%"
    assert answer.confidence is not None
    assert 0 <= answer.confidence <= 1
    assert answer.confidence == alone.confidence
    assert answer.bytes_up == 0


def test_what_is_not_sure_is_never_shown_and_the_cloud_answers(damaged: Path) -> None:
    bundle, told = accepting(damaged, NEVER), list[str]()
    answer, cloud = ask(bundle, says("a ", "cat"), told)
    (request,) = cloud.requests
    calibration = bundle.measurements.local.calibration
    assert coding_of(request.features, bundle.manifest) == (calibration.cut, calibration.codec)
    assert (answer.text, told) == ("a cat", ["a ", "cat"])
    assert answer.route == f"split@{calibration.cut}/{calibration.codec}"
    assert (answer.escalated, answer.fallback) == (True, None)
    assert answer.confidence is not None
    assert answer.stages["local"] > 0
    assert answer.decision.arm.name == "cascade@30%", "as it was decided"


@pytest.mark.parametrize("before", [[], ["a "]])
def test_where_the_cloud_fails_the_answer_that_was_not_sure_is_given(
    damaged: Path, before: list[str]
) -> None:
    bundle, told = accepting(damaged, NEVER), list[str]()
    answer, _ = ask(bundle, refuses(grpc.StatusCode.UNAVAILABLE, "gone", *before), told)
    alone = Orchestrator(bundle, None, DeviceProfile.from_bundle(bundle)).answer(PICTURE, QUESTION)
    assert (answer.route, answer.escalated) == ("local", True)
    assert answer.text == alone.text
    assert answer.fallback
    assert "".join(told) == "".join(before) + alone.text


def test_a_device_that_must_not_answer_does_not_answer_first(damaged: Path) -> None:
    bundle = accepting(damaged, ALWAYS)
    answer, _ = ask(bundle, says("a cat"), [], Rules(allow_local=False))
    assert answer.text == "a cat"
    assert answer.confidence is None
