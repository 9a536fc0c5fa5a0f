"""Silence the chatter of transformers, torch.onnx and onnxruntime's quantiser: a split says itself what it
does.
"""

import contextlib
import logging
import warnings
from collections.abc import Iterator

from transformers.utils import logging as transformers_logging


@contextlib.contextmanager
def silence_libraries() -> Iterator[None]:
    """While open, only errors of those libraries are shown, and none of their progress bars."""
    transformers_logging.set_verbosity_error()
    transformers_logging.disable_progress_bar()
    root = logging.getLogger()
    before = root.level
    root.setLevel(logging.ERROR)
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        root.setLevel(before)
