"""The folder that a bundle is made for: what stands there already, and putting a new bundle in its place."""

import shutil
from pathlib import Path

from protos.bundle import MANIFEST, Bundle
from protos.errors import BundleError
from protos.files import check_name
from splitter.storage.parts import Parts

_OLD = ".old"


def check_output(output: Path) -> None:
    """Put back what an interrupted replacement had moved aside. Raises BundleError for a place that holds
    something else.
    """
    check_name(output)
    old = output.with_name(output.name + _OLD)
    if old.exists() and not output.exists():
        old.rename(output)
    if output.exists() and any(output.iterdir()) and not (output / MANIFEST).exists():
        raise BundleError(
            f"{output} holds something that is not a bundle; give another folder with -o", path=str(output)
        )


def made_before(output: Path, recipe: str, *, replace: bool) -> Bundle | None:
    """The bundle that stands there, if it was made by this recipe and none shall `replace` it. Raises
    BundleError for one of another recipe.
    """
    if replace or not (output / MANIFEST).exists():
        return None
    bundle = Bundle.open(output)
    if bundle.manifest.recipe != recipe:
        raise BundleError(
            f"{output} holds a bundle split in another way; give another folder with -o, or --replace",
            path=str(output),
        )
    Parts.clear(output)
    return bundle


def put_in_place(staging: Path, output: Path) -> None:
    """A finished bundle, with one rename."""
    output.parent.mkdir(parents=True, exist_ok=True)
    old = output.with_name(output.name + _OLD)
    shutil.rmtree(old, ignore_errors=True)
    if output.exists():
        output.rename(old)
    staging.rename(output)
    shutil.rmtree(old, ignore_errors=True)
