"""What a path leads to where something else was meant: in words, with the command that is right for it."""

import json
import shlex
from pathlib import Path

BUILT_IN = "nano"  # what the model is called that comes with Isthmus
MANIFEST = "manifest.json"
PACKED = (".tar.zst", ".tar")  # how the names end of archives that hold a bundle
PARTS_MARK = "isthmus.json"  # in a folder of finished steps: which bundle they are for
_CHECKPOINT = "config.json"
_MAX_BYTES = 16 << 20
_MAX_FOLDERS = 200
_NAMED = 3


def not_a_bundle(path: Path) -> str:
    """Why a path is no bundle, and what to do instead."""
    place = _quoted(path)
    if not path.exists() and path.name.endswith(PACKED):
        return f"there is no packed bundle {path}; make one with: isthmus bundle pack --edge -o {place}"
    if not path.exists():
        return (
            f"there is no bundle {path}; make one with: isthmus split -o {place} (the built-in model), or: "
            f"isthmus split CHECKPOINT -o {place} --calibration PICTURES"
        )
    if whole := next((above for above in path.resolve().parents if bundle_model(above) is not None), None):
        return f"{path} is a part of the bundle {whole}; name that folder"
    if not path.is_dir():
        return (
            f"{path} is a file; a bundle is a folder that isthmus split makes, or what isthmus bundle pack "
            f"makes of it, whose name ends in {' or '.join(PACKED)}"
        )
    return _folder_instead(path)


def _folder_instead(path: Path) -> str:
    if (bundle := parts_of(path)) is not None:
        return (
            f"{path} keeps the steps of a split that is not finished; run the same isthmus split again, and "
            f"name the bundle that it makes, {bundle}"
        )
    if (path / _CHECKPOINT).is_file():
        name = _quoted(Path(path.resolve().name + "-bundle"))
        return (
            f"{path} is a checkpoint, not a bundle; split it first: isthmus split {_quoted(path)} -o {name} "
            "--calibration PICTURES"
        )
    if inside := [folder.name for folder in _folders(path) if bundle_model(folder) is not None]:
        more = f" and {len(inside) - _NAMED} more" if len(inside) > _NAMED else ""
        return f"{path} is not a bundle, but holds some: {', '.join(inside[:_NAMED])}{more}; name one of them"
    return f"{path} is not a bundle: no {MANIFEST} in it; name a folder that isthmus split made"


def not_a_checkpoint(path: Path) -> str:
    """Why a path is no checkpoint, where it is something else that Isthmus knows; empty where it is not."""
    if path.is_file():
        return f"{path} is a file; a checkpoint is a folder in the Hugging Face layout"
    if (model := bundle_model(path)) is not None:
        return f"{path} is a bundle of {model} already; give the checkpoint that it was made of"
    if (bundle := parts_of(path)) is not None:
        return (
            f"{path} keeps the steps of a split that makes {bundle}; give the checkpoint that it is made of"
        )
    return ""


def bundle_model(folder: Path) -> str | None:
    """Of which model a folder is a bundle, of whichever format; None where it is none."""
    manifest = _read(folder / MANIFEST)
    known = isinstance(manifest.get("format"), int) and manifest.get("pieces") and "files" in manifest
    return str(manifest.get("model") or "a model") if known else None


def split_again(folder: Path, model: str) -> str:
    """The command that makes a bundle anew in its place."""
    source = "" if model == BUILT_IN else f" {model if '/' in model else 'CHECKPOINT'}"
    pictures = " --calibration PICTURES" if source else ""
    return f"isthmus split{source} -o {_quoted(folder)}{pictures} --replace"


def parts_of(folder: Path) -> str | None:
    """The bundle that a folder keeps finished steps for; None where Isthmus did not make it."""
    mark = _read(folder / PARTS_MARK)
    return str(mark.get("bundle")) if mark.get("generator") == "isthmus split" else None


def _read(path: Path) -> dict[str, object]:
    """A JSON object; an empty one for whatever is none."""
    try:
        with path.open("rb") as stream:
            found = json.loads(stream.read(_MAX_BYTES))
    except (OSError, ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _folders(path: Path) -> list[Path]:
    try:
        return sorted(found for found in path.iterdir() if found.is_dir())[:_MAX_FOLDERS]
    except OSError:
        return []


def _quoted(path: Path) -> str:
    return shlex.quote(str(path))
