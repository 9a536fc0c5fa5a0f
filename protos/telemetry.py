"""Nothing that Isthmus depends on calls home."""

import os

_OPT_OUTS = (
    # from 1.29 on, onnxruntime writes an identifier of the machine to the home folder and looks up a host of
    # its maker's as soon as it is imported
    "ORT_DISABLE_TELEMETRY",
    "HF_HUB_DISABLE_TELEMETRY",  # the hub's client tells which libraries and versions use it
)


def opt_out() -> None:
    """Say so to the libraries. They ask when they are imported, so every package does this first of all."""
    for name in _OPT_OUTS:
        os.environ[name] = "1"
