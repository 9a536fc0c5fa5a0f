"""The folder that a bundle is made for: what stands there already, and putting a new bundle in its place."""

import json
import os
from pathlib import Path

from protos.bundle import BESIDE, MANIFEST, Bundle
from protos.errors import BundleError
from protos.files import check_name
from splitter.storage.exchange import exchange

_NAMED = 3


def check_output(output: Path) -> None:
    """Raises BundleError now, before anything is done, for a place that no bundle can be put in: one that
    holds something else, or cannot be written to.
    """
    check_name(output)
    place = output.resolve()
    if why := _unfit(place):
        raise BundleError(f"{output} {why}; give another folder with -o", path=str(output))
    _check_ours(output)


def made_before(output: Path, recipe: str, *, replace: bool) -> Bundle | None:
    """The bundle that stands there, if it was made by this recipe and none shall `replace` it. Raises
    BundleError for one of another recipe, and for one that is not whole.
    """
    if replace or not (output / MANIFEST).exists():
        return None
    bundle = Bundle.open(output)
    remedy = "give another folder with -o, or --replace"
    if bundle.unmeasured:
        raise BundleError(f"{bundle.unmeasured}, {remedy}", path=str(output))
    if bundle.measurements.recipe != recipe:
        raise BundleError(f"{output} holds a bundle split in another way; {remedy}", path=str(output))
    if incomplete := next(bundle.incomplete(), None):
        raise BundleError(f"{output} is already split by this recipe, but {incomplete}; {remedy}")
    return bundle


def put_in_place(staging: Path, output: Path) -> None:
    """A finished bundle, in one step; what stood there is in `staging` afterwards. Raises BundleError where
    something else has come to stand there.
    """
    place = output.resolve()
    place.parent.mkdir(parents=True, exist_ok=True)
    _check_ours(output)
    if (place / MANIFEST).exists():
        exchange(staging, place)
    else:
        staging.rename(place)  # where nothing is, or an empty folder


def _unfit(place: Path) -> str:
    """Why no bundle can be put there, whatever it holds; empty where one can."""
    if place.exists() and not place.is_dir():
        return "is a file, a bundle is a folder"
    if Path.cwd().is_relative_to(place):
        return "is the folder that this runs in, which cannot be replaced as a whole"
    if place.is_mount():
        return "is where a disk is mounted, and cannot be replaced as a whole"
    above = next(folder for folder in place.parents if folder.exists())
    if not above.is_dir():
        return f"cannot be made: {above} is a file"
    return "" if os.access(above, os.W_OK | os.X_OK) else f"cannot be made: {above} cannot be written to"


def _check_ours(output: Path) -> None:
    """Raises BundleError for a folder that holds more than a bundle, or something else."""
    if not output.exists() or not any(output.iterdir()):
        return
    known = _bundle_files(output)
    if known is None:
        raise BundleError(
            f"{output} holds something that is not a bundle; give another folder with -o", path=str(output)
        )
    own = {output / name for name in known} | {output}
    own |= {above for path in own for above in path.parents}
    foreign = sorted(str(path.relative_to(output)) for path in output.rglob("*") if path not in own)
    if foreign:
        more = f" and {len(foreign) - _NAMED} more" if len(foreign) > _NAMED else ""
        raise BundleError(
            f"{output} is a bundle, and holds what no split wrote: {', '.join(foreign[:_NAMED])}{more}; move "
            "that elsewhere, or give another folder with -o",
            path=str(output),
            foreign=foreign,
        )


def _bundle_files(folder: Path) -> set[str] | None:
    """What a bundle, of whichever format, holds by its own account; None for a folder that is none."""
    try:
        manifest = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
        if not (isinstance(manifest["format"], int) and manifest["pieces"]):
            return None
        return {MANIFEST, *BESIDE} | {str(entry["path"]) for entry in manifest["files"]}
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return None
