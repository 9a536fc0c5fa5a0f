"""An orchestrator as a program opens it."""

import importlib
import json
import subprocess
import sys
import threading
from pathlib import Path

import cv2
import numpy as np
import pytest

import edge
from edge import config
from edge.link.link import Link
from edge.requests import opening
from edge.requests.opening import open_orchestrator
from edge.requests.orchestrator import Orchestrator
from edge.testing.scripted_cloud import says, serving
from protos.arms.rules import Rules
from protos.bundle import Bundle
from protos.errors import BundleMissing, NoRoute, RequestError
from splitter.nano.scenes import picture

PUBLIC: list[str] = importlib.import_module("edge").__all__
QUESTION = "describe the image"
SPLIT = Rules(route="split@connector/int8-zstd")


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("ISTHMUS_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def learn_and_fail(device: Orchestrator) -> None:
    assert device.answer(picture(77).image, QUESTION, SPLIT).text == "a cat"
    device.answer(picture(77).image, QUESTION, Rules(never_leave_device=True, allow_local=False))


def test_what_was_learned_is_kept_also_after_an_error(bundle: Bundle, bundle_path: Path) -> None:
    with serving(says("a ", "cat")) as cloud:
        with pytest.raises(NoRoute), open_orchestrator(bundle_path, cloud.address) as device:
            learn_and_fail(device)
        kept = config.link_file(cloud.address)
        assert kept
        assert json.loads(kept.read_text())["uplink"]
        link = Link(bundle)
        link.load(kept, 0.0, json.loads(kept.read_text())["saved_at"])
        assert link.snapshot(0.0).up
    times = config.times_file(bundle.digest)
    assert times
    assert times.exists()


def test_what_is_learned_is_kept_while_the_process_goes_on(
    bundle: Bundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(opening, "SAVE_SECONDS", 0.01)
    times = config.times_file(bundle.digest)
    assert times
    with open_orchestrator(bundle) as device:
        while not times.exists():
            device.answer(picture(77).image, QUESTION)
    assert "save what was learned" not in {thread.name for thread in threading.enumerate()}


def test_the_environment_names_the_bundle(bundle_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ISTHMUS_BUNDLE", str(bundle_path))
    with open_orchestrator() as device:
        assert device.bundle.path == bundle_path
        assert device.links() == {}


def test_what_cannot_be_opened_is_named(bundle: Bundle, tmp_path: Path) -> None:
    with pytest.raises(BundleMissing), open_orchestrator(tmp_path / "none"):
        pass
    with pytest.raises(RequestError), open_orchestrator(bundle, "no address"):
        pass


def test_what_a_program_needs_is_there_by_name_and_loaded_when_it_is_used() -> None:
    assert np.shape(edge.decode_picture(cv2.imencode(".png", picture(3).image)[1].tobytes()))[2] == 3
    for name in PUBLIC:
        assert getattr(edge, name).__name__ == name
    assert set(PUBLIC) <= set(dir(edge))
    with pytest.raises(AttributeError, match="nothing"):
        edge.nothing  # type: ignore[attr-defined] # noqa: B018
    loaded = "import sys, edge; print(sorted({'numpy', 'grpc', 'onnxruntime', 'cv2'} & set(sys.modules)))"
    run = subprocess.run([sys.executable, "-c", loaded], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"


def test_the_types_of_what_is_there_are_those_that_are_told() -> None:
    told = Path(edge.__file__).with_suffix(".pyi").read_text()
    places = importlib.import_module("edge")._PLACES
    assert all(f"from {place} import {name} as {name}\n" in told for name, place in places.items())
    assert told.count(" as ") == len(PUBLIC)
