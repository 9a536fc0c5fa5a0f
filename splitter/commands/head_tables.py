"""What a split measured of the precision of a head, as tables."""

from collections.abc import Iterator
from typing import Any

from rich.table import Table

from protos import bundle_pb2 as pb

_MAX_EFFECTS = 20


def head_tables(manifest: pb.Manifest, facts: dict[str, Any]) -> Iterator[Table | str]:
    """The bytes of each piece, and the MatMuls that a search left in float."""
    if facts.get("sizes"):
        yield _sizes(_title(manifest.precision, facts), facts)
    if facts.get("search"):
        yield _search(facts["search"])


def _title(chosen: pb.Precision, facts: dict[str, Any]) -> str:
    words = (chosen.precision.upper(), chosen.quantization, chosen.activations, chosen.calibration_method)
    form = " ".join(word for word in words if word)
    if "speed" not in facts:
        return f"head in {form}"
    asked = facts["asked"]["precision"]
    raced = "it is" if asked == chosen.precision else f"{asked.upper()} was"
    return f"head in {form}: on the machine that split, {raced} {facts['speed']:.3g} times as fast as FP32"


def _sizes(title: str, facts: dict[str, Any]) -> Table:
    table = _numbers(title, "piece to", "FP32 bytes", "bytes in its form", "slim", "of FP32", "cosine")
    rows, near = facts["sizes"], facts.get("cosine", {}) if facts["asked"] == facts["used"] else {}
    for row in rows:
        cosine = f"{near[row['cut']]:.5f}" if row["cut"] in near else ""
        table.add_row(row["cut"], *_bytes(row), cosine)
    if len(rows) > 1:
        table.add_row(
            "all", *_bytes({key: sum(row[key] for row in rows) for key in ("fp32", "before", "after")}), ""
        )
    return table


def _bytes(row: dict[str, Any]) -> tuple[str, ...]:
    return *(f"{row[key]:,}" for key in ("fp32", "before", "after")), f"{row['after'] / row['fp32']:.3f}"


def _search(found: dict[str, Any]) -> Table | str:
    unit = "points of accuracy" if found["unit"] == "points" else "percent of cosine"
    lost = (
        f"{found['before']:.3f} {unit} lost with all quantised, {found['after']:.3f} as published, "
        f"{found['bound']:g} allowed"
    )
    if not found["effects"]:
        return f"no MatMul had to stay in float: {lost}"
    table = _numbers(
        f"sensitive MatMuls, each with the cosine that it loses when it alone is quantised: {lost}",
        "MatMul",
        "shape",
        "alone loses",
        "kept in",
    )
    for place, effect in enumerate(found["effects"][:_MAX_EFFECTS]):
        shape = "x".join(map(str, effect["shape"]))
        table.add_row(
            effect["label"],
            shape,
            f"{effect['effect']:.4f}%",
            "float" if place < found["in_float"] else "quantised",
        )
    if more := found["effects"][_MAX_EFFECTS:]:
        table.add_row(f"{len(more)} more", "", f"{sum(effect['effect'] for effect in more):.4f}%", "")
    return table


def _numbers(title: str, *columns: str) -> Table:
    table = Table(title=title, title_justify="left", title_style="bold")
    for place, column in enumerate(columns):
        table.add_column(
            column, justify="right" if place and column != "kept in" else "left", overflow="fold"
        )
    return table
