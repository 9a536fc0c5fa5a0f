"""What was measured of how well pictures can be made again from what crosses the wire, kept beside a bundle's
manifest.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rich.markup import escape
from rich.table import Table

from protos.bundle import LEAKAGE, Bundle
from protos.errors import BundleDamaged
from protos.files import json_of, write_file

_COMMAND = "bench leakage"
_MAX_BYTES = 4 << 20
_NUMBERS = ("bytes", "psnr", "ssim", "understood")


def save_leakage(bundle: Bundle, figures: Mapping[str, Any]) -> None:
    """Keep what was measured of a bundle in its folder. Raises RequestError where it cannot be."""
    write_file(bundle.path / LEAKAGE, json_of(_COMMAND, {"bundle": bundle.digest, **figures}), _COMMAND)


def leakage_table(bundle: Bundle) -> Table | None:
    """What was last measured of this very bundle, or None. Raises BundleDamaged for a file that holds
    something else.
    """
    place = bundle.path / LEAKAGE
    if not place.exists():
        return None
    kept = _read(bundle, place)
    if kept.get("bundle") != bundle.digest:
        return None
    table = Table(
        title="made again from what crosses the wire (isthmus bench leakage)",
        title_justify="left",
        title_style="bold",
    )
    table.add_column("route")
    for name in ("bytes", "PSNR dB", "SSIM", kept["measure"]):
        table.add_column(escape(name), justify="right")
    table.add_row("the pictures themselves", "", "", "", f"{kept['original']:.2f}")
    for row in kept["rows"]:
        table.add_row(
            escape(row["name"]),
            f"{row['bytes']:,.0f}",
            f"{row['psnr']:.1f}",
            f"{row['ssim']:.3f}",
            f"{row['understood']:.2f}",
        )
    return table


def _read(bundle: Bundle, place: Path) -> dict[str, Any]:
    with place.open("rb") as stream:
        raw = stream.read(_MAX_BYTES + 1)
    try:
        kept = json.loads(raw)
        sound = (
            isinstance(kept["measure"], str)
            and isinstance(kept["original"], int | float)
            and all(map(_sound, kept["rows"]))
        )
    except (ValueError, KeyError, TypeError, RecursionError):
        sound = False
    if not sound or len(raw) > _MAX_BYTES:
        message = f"{place} is not what isthmus bench leakage writes; delete it, or measure again"
        raise BundleDamaged(message, file=LEAKAGE, bundle=bundle.digest)
    return dict(kept)


def _sound(row: Any) -> bool:
    return isinstance(row["name"], str) and all(isinstance(row[name], int | float) for name in _NUMBERS)
