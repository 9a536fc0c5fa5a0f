"""What this device's environment says: the one file of `edge` that reads it."""

import os
from pathlib import Path
from urllib.parse import quote

from protos.config import cache_folder
from protos.errors import RequestError


def profile_file(digest: str, threads: int = 1, run_by: str = "") -> Path:
    """Where this device's profile of a bundle is kept, for so many threads and an onnxruntime provider.

    Raises RequestError where it has no cache folder.
    """
    return cache_folder() / f"profile-{_place(digest, threads, run_by)}.json"


def times_file(digest: str, threads: int = 1, run_by: str = "") -> Path | None:
    """Where is remembered how this device's times differ from its profile; None where there is no cache
    folder.
    """
    return _kept("times", f"{_place(digest, threads, run_by)}.json")


def limit_blas() -> None:
    """Have the BLAS of numpy and of OpenCV work in the thread that calls it, unless somebody said otherwise:
    they would begin a thread for each core beside those of `--threads`. To be called before they are loaded.
    """
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")


def provider() -> str:
    """Which of onnxruntime's providers runs models where none is named: $ISTHMUS_PROVIDER, or `auto`."""
    return os.environ.get("ISTHMUS_PROVIDER", "auto")


def gpu() -> int:
    """The number of the GPU: $ISTHMUS_GPU, or 0. Raises RequestError for one that is no number."""
    text = os.environ.get("ISTHMUS_GPU", "0")
    if not text.isdecimal():
        raise RequestError(f"$ISTHMUS_GPU is {text!r}, not the number of a GPU; give 0 for the first")
    return int(text)


def link_file(address: str) -> Path | None:
    """Where the link to an address is remembered; None where this device has no cache folder."""
    return _kept("links", f"{quote(address, safe='')}.json")


def bytes_file() -> Path | None:
    """Where is kept what this device sent each day; None where it has no cache folder."""
    return _kept("bytes.json")


def engines_folder(digest: str) -> Path | None:
    """Where TensorRT keeps what it built for a bundle on this device; None where there is no cache folder."""
    return _kept("tensorrt", digest[:12])


def day_file() -> Path | None:
    """Where the agent keeps what each source cost today; None where there is no cache folder."""
    return _kept("agent-day.json")


def fetched_folder() -> Path:
    """Where the agent keeps bundles that it fetched. Raises RequestError where there is no cache folder."""
    return cache_folder() / "fetched"


def fleet_file(fleet: str, device: str) -> Path:
    """Where the agent keeps what its fleet wants. Raises RequestError where there is no cache folder."""
    return cache_folder() / f"fleet-{fleet}-{device}.db"


def _place(digest: str, threads: int, run_by: str) -> str:
    return f"{digest[:12]}-{threads}-{run_by or provider()}"


def _kept(*parts: str) -> Path | None:
    try:
        return cache_folder().joinpath(*parts)
    except RequestError:
        return None  # `profile_file` says so, and what to set
