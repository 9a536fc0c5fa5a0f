import shutil
from pathlib import Path

import pytest

from cloud.models.tail import Tail
from protos.bundle import MANIFEST, Bundle, write_manifest
from splitter.nano.scenes import HELD_OUT_SEEDS, picture
from tests.cloud.calling import FP32, Head, Pixels
from tests.cloud.control.versions import another_version


@pytest.fixture(scope="session")
def tail(bundle: Bundle) -> Tail:
    return Tail(bundle, FP32)


@pytest.fixture(scope="session")
def head(bundle: Bundle) -> Head:
    return Head(bundle)


@pytest.fixture(scope="session")
def scenes() -> list[Pixels]:
    return [picture(HELD_OUT_SEEDS + 77 + i).image for i in range(6)]


@pytest.fixture(scope="session")
def endless_path(bundle_path: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same model, but no token ends its answers: something to interrupt."""
    folder = tmp_path_factory.mktemp("endless") / "bundle"
    shutil.copytree(bundle_path, folder, ignore=shutil.ignore_patterns(MANIFEST))
    manifest = Bundle.open(bundle_path).manifest
    del manifest.prompt.stop_tokens[:]
    manifest.model, manifest.limits.max_new_tokens = "endless", 50_000
    write_manifest(folder, manifest)
    return folder


@pytest.fixture(scope="session")
def endless(endless_path: Path) -> Tail:
    return Tail(Bundle.open(endless_path), FP32)


@pytest.fixture(scope="session")
def candidate(bundle_path: Path, tmp_path_factory: pytest.TempPathFactory) -> Tail:
    """The same model under another digest."""
    copy = tmp_path_factory.mktemp("candidate") / "bundle"
    another_version(bundle_path, copy)
    return Tail(Bundle.open(copy), FP32)
