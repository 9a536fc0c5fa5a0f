"""`isthmus bundle`: what a split made, shown, checked, packed. Needs no torch, but for labels."""

import argparse
import json
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from google.protobuf import json_format
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from protos import bundle_pb2 as pb
from protos.archive import unpack
from protos.arms.loss import NOISE
from protos.bundle import BESIDE, LEAKAGE, REPORT, Bundle
from protos.errors import BundleDamaged
from protos.measurements import (
    COSINE,
    FIDELITY,
    LABEL_FIDELITY,
    MEASUREMENTS,
    accuracy_word,
    coding_of,
)
from protos.mistaken import split_again
from protos.report import Report
from protos.terminal.options import add_bundle, add_json, open_bundle
from protos.terminal.units import format_accuracy
from splitter.commands import labels, pack
from splitter.commands.cascades import cascade_tables
from splitter.commands.head_tables import head_tables
from splitter.commands.kinds import print_kinds
from splitter.commands.leakage import leakage_table

_PIPED_WIDTH = 110
_SHOWN = 10  # labels, of what may be hundreds
_EPILOG = """\
examples:
  isthmus bundle show
  isthmus bundle show --bundle bundle --kinds
  isthmus bundle verify --bundle bundle && echo whole
  isthmus bundle verify --bundle nano.tar.zst          # what was packed, before it is copied
  isthmus bundle pack --edge -o nano.tar.zst           # what a device needs, the same bytes every time
  isthmus bundle unpack nano.tar.zst -o nano           # on the device
  isthmus bundle labels animals.txt --bundle clip -o animals.npz
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.epilog = _EPILOG
    commands = parser.add_subparsers(metavar="ACTION", required=True)
    actions = (
        ("show", "what it holds: cuts, tensors, bytes, losses", _show),
        (
            "verify",
            "check the digest of every file, of an archive too; exit status 4 if one does not hold",
            _verify,
        ),
    )
    for name, line, run in actions:
        command = commands.add_parser(name, help=line, description=line)
        add_bundle(command)
        add_json(command)
        if run is _show:
            command.add_argument(
                "--kinds",
                action="store_true",
                help="accuracy by kind of question, for every route of the report",
            )
        command.set_defaults(run=run)
    line = "write a bundle, or what a device needs of it, as an archive or a folder"
    pack.add_pack(commands.add_parser("pack", help=line, description=line))
    line = "make a folder of an archive, every digest checked"
    pack.add_unpack(commands.add_parser("unpack", help=line, description=line))
    line = "embed labels of your own, for devices with a dual encoder's bundle"
    labels.add_arguments(commands.add_parser("labels", help=line, description=line))


def _show(options: argparse.Namespace) -> None:
    show = print_kinds if options.kinds else print_bundle
    show(open_bundle(options.bundle), as_json=options.json)


def _verify(options: argparse.Namespace) -> None:
    if not options.bundle or not options.bundle.is_file():
        _verify_folder(open_bundle(options.bundle), options)
        return
    with tempfile.TemporaryDirectory(prefix="isthmus-") as folder:
        _verify_folder(unpack(options.bundle, Path(folder) / "bundle"), options)


def _verify_folder(bundle: Bundle, options: argparse.Namespace) -> None:
    checked = [(entry.path, entry.size, problem) for entry, problem in bundle.verify()]
    beside = {name: bundle.path / name for name in BESIDE}
    checked += [
        (name, place.stat().st_size, _misfit(bundle, name))
        for name, place in beside.items()
        if place.exists()
    ]
    wrong = [problem for _, _, problem in checked if problem]
    if options.json:
        files = [{"path": path, "bytes": size, "problem": problem} for path, size, problem in checked]
        told = {"digest": bundle.digest, "edge_only": bundle.edge_only, "whole": not wrong, "files": files}
        print(json.dumps(told, indent=1))
    else:
        table = _table(None, "file", "bytes", "state")
        for path, size, problem in checked:
            sound = "of this bundle, and in form" if path in BESIDE else "as the manifest says"
            table.add_row(
                path, f"{size:,}", f"[red]{escape(problem)}[/]" if problem else f"[green]{sound}[/]"
            )
        Console().print(table)
        if bundle.edge_only:
            print("a device's part: what only the cloud needs is not here")
    if wrong:
        again = split_again(bundle.path, bundle.manifest.model)
        raise BundleDamaged(
            f"bundle {bundle.path}: {'; '.join(wrong)}; fetch it again, or split it again: {again}",
            bundle=bundle.digest,
        )


def _misfit(bundle: Bundle, name: str) -> str | None:
    """What is wrong with a file that stands beside the manifest and holds what was measured."""
    try:
        if name == MEASUREMENTS:
            return bundle.unmeasured or None
        if name == REPORT:
            _ = Report.read(bundle).rows
        elif name == LEAKAGE:
            leakage_table(bundle)
    except BundleDamaged as error:
        return str(error)
    return None


def print_bundle(bundle: Bundle, *, as_json: bool) -> None:
    """Print what a bundle holds, as tables or as one JSON object."""
    report, problems = _report(bundle)
    facts = report.precision if report else {}
    if as_json:
        told = {
            "path": str(bundle.path),
            "digest": bundle.digest,
            "manifest": _as_dict(bundle.manifest),
            "measurements": None if bundle.unmeasured else _as_dict(bundle.measurements),
            "precision": facts,
            "warnings": problems,
        }
        print(json.dumps(told, indent=1))
        return
    console, manifest = Console(), bundle.manifest
    if not console.is_terminal:
        console = Console(width=_PIPED_WIDTH)
    edge = sum(entry.size for entry in manifest.files if entry.path.startswith("edge/"))
    cloud = sum(entry.size for entry in manifest.files if entry.path.startswith("cloud/"))
    console.print(
        f"{bundle.path}: {manifest.model} ({manifest.family}), digest {bundle.digest[:12]}, edge {edge:,} "
        f"bytes, cloud {cloud:,} bytes"
    )
    for line in _answering(bundle):
        console.print(line, highlight=False, markup=False)
    for table in head_tables(manifest, facts):
        console.print(table)
    accuracy = _accuracy(bundle.measurements)
    console.print(_cuts(bundle, accuracy))
    if not bundle.unmeasured:
        console.print(_rivals(bundle.measurements, accuracy))
        for part in cascade_tables(bundle.measurements):
            console.print(part)
    for problem in filter(None, (bundle.unmeasured, *problems)):
        console.print(problem, style="yellow", highlight=False, markup=False, soft_wrap=True)
    if leakage := leakage_table(bundle):
        console.print(leakage)


def _as_dict(message: pb.Manifest | pb.Measurements) -> dict[str, Any]:
    return json_format.MessageToDict(
        message, preserving_proto_field_name=True, always_print_fields_with_no_presence=True
    )


def _labels(matching: pb.Matching) -> str:
    own, more = ", ".join(matching.labels[:_SHOWN]) or "none", len(matching.labels) - _SHOWN
    return (
        f"chooses among labels, each read as {matching.template!r}; its own: "
        f"{own}{f' and {more} more' if more > 0 else ''}"
    )


def _answering(bundle: Bundle) -> Iterator[str]:
    """Which other model answers on the device, and what a dual encoder chooses among."""
    if bundle.manifest.HasField("matching"):
        yield _labels(bundle.manifest.matching)
    if not bundle.manifest.local.HasField("own"):
        return
    own, files = bundle.manifest.local.own, bundle.manifest.files
    size = sum(entry.size for entry in files if entry.path.startswith("edge/local/"))
    yield f"the device answers with {own.model} ({own.family}), which sees pictures itself: {size:,} bytes"


def _report(bundle: Bundle) -> tuple[Report | None, list[str]]:
    """The report, where there is one that can be read; and what the split warned of, or what is wrong with
    the report.
    """
    try:
        report = Report.find(bundle)
    except BundleDamaged as error:
        return None, [str(error)]
    return report, report.warnings if report else []


def _accuracy(measured: pb.Measurements) -> str:
    """The column of accuracies, with how many each was taken over."""
    word = accuracy_word(measured.measure)
    return f"{word}\nn = {measured.count}" if measured.count else word


def _cuts(bundle: Bundle, accuracy: str) -> Table:
    manifest = bundle.manifest
    table = _table(
        f"cuts, {manifest.precision.precision.upper()} head in place",
        "cut",
        "codec",
        "crosses the wire",
        "bytes",
        accuracy,
        "loss",
        "head ms",
        "tail ms",
    )
    head = 0.0
    for cut in manifest.cuts:
        taken = bundle.measurements.cuts[cut.name]
        head += taken.piece_milliseconds
        for codec in cut.codecs:
            tensors = ", ".join(f"{'x'.join(map(str, t.codes.shape))} {t.codes.dtype}" for t in codec.tensors)
            row = (cut.name, codec.name, tensors)
            if bundle.unmeasured:
                table.add_row(*row)
                continue
            one = taken.codecs[codec.name]
            measured = (f"{one.mean_bytes:,.0f}", *_points(one, bundle.measurements))
            table.add_row(*row, *measured, f"{head:.2f}", f"{taken.cloud_milliseconds:.2f}")
    return table


def _rivals(measured: pb.Measurements, accuracy: str) -> Table:
    title = "the same pictures uploaded, or answered on the device"
    table = _table(title, "route", "bytes", accuracy, "loss")
    whole = format_accuracy(measured.accuracy, measured.accuracy_low, measured.accuracy_high)
    table.add_row("whole model", "", whole, "")
    for upload in measured.uploads:
        table.add_row(f"upload@{coding_of(upload)}", f"{upload.mean_bytes:,.0f}", *_points(upload, measured))
    if measured.HasField("local"):
        table.add_row("local", "0", *_points(measured.local, measured))
    return table


def _points(
    way: pb.MeasuredCodec | pb.MeasuredUpload | pb.MeasuredLocal, measured: pb.Measurements
) -> tuple[str, str]:
    """Its accuracy with its 95% interval, and the points below the whole model with what of them is noise."""
    noise = NOISE * way.loss_error
    lost = f"{measured.accuracy - way.accuracy:.1f}" + (f" ±{noise:.1f}" if noise >= 0.05 else "")
    return format_accuracy(way.accuracy, way.accuracy_low, way.accuracy_high), lost


def _table(title: str | None, *columns: str) -> Table:
    table = Table(title=title, title_justify="left", title_style="bold")
    numeric = {"bytes", "right", FIDELITY, LABEL_FIDELITY, COSINE, "loss", "head ms", "tail ms"}
    for column in columns:
        name = column.partition("\n")[0]
        table.add_column(
            column, justify="right" if name in numeric else "left", no_wrap=name in {*numeric, "cut", "codec"}
        )
    return table
