"""Checkpoints by name: a folder, or an id of the Hugging Face hub, fetched into the hub's own cache."""

import re
from pathlib import Path

from protos.config import expanded
from protos.errors import CheckpointError
from protos.files import check_name

_ID = re.compile(r"[\w.-]+/[\w.-]+")
_WANTED = [
    "*.json",
    "*.safetensors",
    "*.jinja",
    "*.txt",
    "*.model",
]  # no pickles, no weights of other frameworks
_NESTED = ["*/*"]


def find(name: str) -> Path:
    """The folder of that name, or of the hub's checkpoint `org/name`, fetched where it is not in the cache.
    Raises CheckpointError, or RequestError for a name that is not UTF-8.
    """
    if on_hub(name):
        return _fetch(name)
    folder = expanded(name)
    check_name(folder)
    return folder


def on_hub(name: str) -> bool:
    """Whether a name is an id of the hub, no folder being there of that name."""
    return bool(_ID.fullmatch(name)) and not name.startswith(".") and not expanded(name).exists()


def name_of(folder: Path) -> str:
    """What a checkpoint is called: its folder's name, or the hub's id where it lies in the hub's cache."""
    place = folder.resolve()
    kept = place.parent.parent.name
    if place.parent.name == "snapshots" and kept.startswith("models--"):
        return kept.removeprefix("models--").replace("--", "/")
    return place.name


def _fetch(name: str) -> Path:
    from huggingface_hub import snapshot_download

    try:
        return Path(snapshot_download(name, allow_patterns=_WANTED, ignore_patterns=_NESTED))
    except Exception as error:
        if isinstance(error, OSError) and error.errno is not None and not isinstance(error, ConnectionError):
            raise  # the disk's fault, not the hub's
        message = (
            f"there is no folder {name} here, and the hub's checkpoint {name} cannot be fetched "
            f"({_first_line(error)}). Where the hub "
            f"can be reached, run `hf download {name} --local-dir DIR`, bring DIR here, and give it "
            f"instead of {name}"
        )
        raise CheckpointError(message, checkpoint=name) from error


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
