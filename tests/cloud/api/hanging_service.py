"""A service whose model hangs when it is first asked: `python -m tests.cloud.api.hanging_service BUNDLE`."""

import sys
from pathlib import Path
from threading import Event
from typing import Any

from cloud.api.process import serve_models
from cloud.config import ServeConfig
from cloud.models.served_models import ServedModels
from cloud.models.tail import Tail
from protos.bundle import Bundle
from tests.cloud.calling import FP32


class HangingTail(Tail):
    """Its worker thread comes back never."""

    def advance(self, *_: Any) -> Any:
        Event().wait()


if __name__ == "__main__":
    path = Path(sys.argv[1])
    tail = HangingTail(Bundle.open(path), FP32)
    sys.exit(serve_models(ServedModels({tail.digest: tail}), ServeConfig((path,), port=0, step_limit=1.0)))
