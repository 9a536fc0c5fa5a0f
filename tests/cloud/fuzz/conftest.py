import logging
import os
from collections.abc import Iterator
from pathlib import Path

import cv2
import pytest

from cloud.api.request_bytes import RequestBytes
from cloud.models.dual_encoder import DualEncoder
from cloud.models.tail import Tail
from protos.bundle import Bundle
from splitter.nano.scenes import picture
from tests.cloud.calling import FP32
from tests.sharing import once
from tests.splitter.families.dual_checkpoints import clip
from tests.splitter.families.duals import Dual

MESSAGES, SEED = "ISTHMUS_FUZZ_MESSAGES", "ISTHMUS_FUZZ_SEED"


@pytest.fixture
def messages() -> int:
    """To each bundle."""
    return int(os.environ.get(MESSAGES, "750"))


@pytest.fixture
def seed() -> int:
    return int(os.environ.get(SEED, "0"))


@pytest.fixture(scope="session")
def comparing(tmp_path_factory: pytest.TempPathFactory) -> DualEncoder:
    """A small random dual encoder."""

    def made(folder: Path) -> None:
        photos = folder / "photos"
        photos.mkdir(parents=True)
        for number in range(9):
            cv2.imwrite(str(photos / f"{number}.png"), picture(number).image[..., ::-1])
        clip(folder / "checkpoint")
        assert Dual(folder / "checkpoint", photos, folder / "bundle").bundle

    folder = once(tmp_path_factory, "fuzzed-clip", made)
    return DualEncoder(Bundle.open(folder / "bundle"), FP32)


@pytest.fixture(params=["tail", "comparing"], ids=["answering", "comparing"])
def attacked(request: pytest.FixtureRequest) -> Tail | DualEncoder:
    found: Tail | DualEncoder = request.getfixturevalue(request.param)
    return found


@pytest.fixture
def budgets(monkeypatch: pytest.MonkeyPatch) -> list[RequestBytes]:
    """Of services that are started from now on."""
    made: list[RequestBytes] = []
    construct = RequestBytes.__init__

    def noted(self: RequestBytes, *arguments: int) -> None:
        construct(self, *arguments)  # type: ignore[arg-type]
        made.append(self)

    monkeypatch.setattr(RequestBytes, "__init__", noted)
    return made


@pytest.fixture
def errors(caplog: pytest.LogCaptureFixture) -> Iterator[list[logging.LogRecord]]:
    """What is logged as an error, or with a traceback."""
    found: list[logging.LogRecord] = []

    class Finder(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            if record.levelno >= logging.ERROR or record.exc_info:
                found.append(record)

    handler = Finder()
    logging.getLogger().addHandler(handler)
    yield found
    logging.getLogger().removeHandler(handler)
