"""One bundle of the built-in model, split once a test run by the real splitter, shared by every test that needs one."""

import os
from pathlib import Path

# One thread each: the models are tiny, and threads that wait for one another take a busy machine's tests from seconds to minutes.
os.environ.setdefault("OMP_NUM_THREADS", "1")

import pytest

from protos.bundle import Bundle


@pytest.fixture(scope="session")
def bundle_path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from splitter.nano.model import WEIGHTS
    from splitter.quiet import quiet
    from splitter.recipe import Options
    from splitter.split import split

    path = tmp_path_factory.mktemp("bundles") / "nano"
    options = Options(WEIGHTS, with_local=True, calibration_pictures=64, report_pictures=12)
    with quiet():
        split(options, path, say=lambda _: None)
    return path


@pytest.fixture(scope="session")
def bundle(bundle_path: Path) -> Bundle:
    return Bundle.open(bundle_path)


@pytest.fixture
def damaged(bundle_path: Path, tmp_path: Path) -> Path:
    """A copy of the bundle that a test may break; its files are hard links, so replace them, do not write into them."""
    import shutil

    return Path(shutil.copytree(bundle_path, tmp_path / "damaged", copy_function=os.link))
