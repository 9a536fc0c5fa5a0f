"""One bundle of the built-in model, split once a test run by the real splitter, shared by every test that
needs one.
"""

import os
import signal
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

# One thread each: the models are tiny, and threads that wait for one another take a busy machine's tests from
# seconds to minutes.
os.environ.setdefault("OMP_NUM_THREADS", "1")

# What started this process may ignore Ctrl-C, and then so would every process that a test interrupts.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

import pytest
from hypothesis import HealthCheck, settings

from protos.bundle import Bundle
from tests.certificates import Authority
from tests.sharing import once

_WITH_A_SPLIT = {
    "bundle_path",
    "bundle",
    "made",
    "tail",
    "captioner",
    "pupil",
}  # fixtures that take long to make


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--quick", action="store_true", help="leave out what is slow, or needs a bundle")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """With --quick, tests marked slow and those that need a split are left out. Files that take long begin
    first: what is left for the end is short, and no process waits for another's last file.
    """
    _put_long_files_first(items)
    if not config.getoption("--quick"):
        return
    slow = [item for item in items if item.get_closest_marker("slow") or _splits(item)]
    config.hook.pytest_deselected(items=slow)
    items[:] = [item for item in items if item not in slow]


def _put_long_files_first(items: list[pytest.Item]) -> None:
    slow = {item.path for item in items if item.get_closest_marker("slow")}
    split = {item.path for item in items if _splits(item)}
    tests = Counter(item.path for item in items)
    items.sort(key=lambda item: (item.path not in slow, item.path not in split, -tests[item.path]))


def _splits(item: pytest.Item) -> bool:
    return bool(_WITH_A_SPLIT & set(getattr(item, "fixturenames", ())))


@pytest.fixture(scope="session", autouse=True)
def untraced_export() -> Iterator[None]:
    """Let no tracer follow torch.onnx.export: it is Python all through, and takes twice as long where
    coverage is measured.
    """
    if not (tracer := sys.gettrace()):
        yield
        return
    import torch

    export = torch.onnx.export

    def untraced(*arguments: Any, **options: Any) -> Any:
        sys.settrace(None)
        try:
            return export(*arguments, **options)
        finally:
            sys.settrace(tracer)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(torch.onnx, "export", untraced)
        yield


# A busy machine is no failure.
settings.register_profile("isthmus", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("isthmus")


@pytest.fixture(scope="session")
def bundle_path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from splitter.nano import WEIGHTS
    from splitter.recipe import Options
    from splitter.silence import silence_libraries
    from splitter.split import split

    def made(path: Path) -> None:
        with silence_libraries():
            split(options, path, say=lambda _: None)

    options = Options(WEIGHTS, with_local=True, calibration_pictures=64, report_pictures=12)
    return once(tmp_path_factory, "nano", made)


@pytest.fixture(scope="session")
def bundle(bundle_path: Path) -> Bundle:
    return Bundle.open(bundle_path)


@pytest.fixture
def damaged(bundle_path: Path, tmp_path: Path) -> Path:
    """A copy of the bundle that a test may break; its files are hard links, so replace them, do not write
    into them.
    """
    import shutil

    return Path(shutil.copytree(bundle_path, tmp_path / "damaged", copy_function=os.link))


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="module")
def stranger(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """An authority whom nobody trusts."""
    return Authority(tmp_path_factory.mktemp("stranger"), "stranger")
