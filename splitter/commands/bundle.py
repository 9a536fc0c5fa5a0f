"""`isthmus bundle`: what a split made, shown, checked, packed. Needs no torch, but for labels."""

import argparse
import json

from google.protobuf import json_format
from rich.console import Console
from rich.table import Table

from protos import bundle_pb2 as pb
from protos.bundle import Bundle
from protos.errors import BundleDamaged
from protos.report import Report
from protos.terminal.options import add_bundle, add_json, open_bundle
from splitter.commands import labels, pack
from splitter.commands.head_tables import facts_of, head_tables
from splitter.commands.kinds import print_kinds
from splitter.commands.leakage import leakage_table

_SHOWN = 10  # labels, of what may be hundreds
_EPILOG = """\
examples:
  isthmus bundle show
  isthmus bundle show --bundle bundle --kinds
  isthmus bundle verify --bundle bundle && echo whole
  isthmus bundle pack --edge -o nano.tar.zst           # what a device needs, the same bytes every time
  isthmus bundle unpack nano.tar.zst -o nano           # on the device
  isthmus bundle labels animals.txt --bundle clip -o animals.npz
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.epilog = _EPILOG
    commands = parser.add_subparsers(metavar="ACTION", required=True)
    actions = (
        ("show", "what it holds: cuts, tensors, bytes, losses", _show),
        ("verify", "check the digest of every file; exit status 4 if one does not hold", _verify),
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
    bundle = open_bundle(options.bundle)
    checked = [(entry.path, entry.size, problem) for entry, problem in bundle.verify()]
    wrong = [problem for _, _, problem in checked if problem]
    if options.json:
        files = [{"path": path, "bytes": size, "problem": problem} for path, size, problem in checked]
        told = {"digest": bundle.digest, "edge_only": bundle.edge_only, "whole": not wrong, "files": files}
        print(json.dumps(told, indent=1))
    else:
        table = _table(None, "file", "bytes", "state")
        for path, size, problem in checked:
            table.add_row(
                path, f"{size:,}", f"[red]{problem}[/]" if problem else "[green]as the manifest says[/]"
            )
        Console().print(table)
        if bundle.edge_only:
            print("a device's part: what only the cloud needs is not here")
    if wrong:
        raise BundleDamaged(
            f"bundle {bundle.path}: {'; '.join(wrong)}; fetch or split it again", bundle=bundle.digest
        )


def print_bundle(bundle: Bundle, *, as_json: bool) -> None:
    """Print what a bundle holds, as tables or as one JSON object."""
    if as_json:
        held = json_format.MessageToDict(
            bundle.manifest, preserving_proto_field_name=True, always_print_fields_with_no_presence=True
        )
        print(
            json.dumps(
                {
                    "path": str(bundle.path),
                    "digest": bundle.digest,
                    "manifest": held,
                    "precision": facts_of(bundle),
                },
                indent=1,
            )
        )
        return
    console, manifest = Console(), bundle.manifest
    edge = sum(entry.size for entry in manifest.files if entry.path.startswith("edge/"))
    cloud = sum(entry.size for entry in manifest.files if entry.path.startswith("cloud/"))
    console.print(
        f"{bundle.path}: {manifest.model} ({manifest.family}), digest {bundle.digest[:12]}, edge {edge:,} "
        f"bytes, cloud {cloud:,} bytes"
    )
    if manifest.HasField("matching"):
        console.print(_labels(manifest.matching), highlight=False, markup=False)
    for table in head_tables(manifest, facts_of(bundle)):
        console.print(table)
    accuracy = _accuracy(Report.find(bundle))
    console.print(_cuts(manifest, accuracy))
    console.print(_rivals(manifest, accuracy))
    if leakage := leakage_table(bundle):
        console.print(leakage)


def _labels(matching: pb.Matching) -> str:
    own, more = ", ".join(matching.labels[:_SHOWN]) or "none", len(matching.labels) - _SHOWN
    return (
        f"chooses among labels, each read as {matching.template!r}; its own: "
        f"{own}{f' and {more} more' if more > 0 else ''}"
    )


def _accuracy(report: Report | None) -> str:
    """The column of accuracies, with how many each was taken over."""
    return f"accuracy\nn = {report.count}" if report and report.count else "accuracy"


def _cuts(manifest: pb.Manifest, accuracy: str) -> Table:
    table = _table(
        f"cuts, {manifest.precision.precision.upper()} head in place",
        "cut",
        "codec",
        "crosses the wire",
        "bytes",
        accuracy,
        "head ms",
        "tail ms",
    )
    head = 0.0
    for piece, cut in zip(manifest.pieces, manifest.cuts, strict=True):
        head += piece.milliseconds
        for codec in cut.codecs:
            tensors = ", ".join(f"{'x'.join(map(str, t.codes.shape))} {t.codes.dtype}" for t in codec.tensors)
            row = (
                cut.name,
                codec.name,
                tensors,
                f"{codec.mean_bytes:,.0f}",
                _points(codec.accuracy, manifest),
            )
            table.add_row(*row, f"{head:.2f}", f"{cut.cloud_milliseconds:.2f}")
    return table


def _rivals(manifest: pb.Manifest, accuracy: str) -> Table:
    table = _table("the same pictures uploaded, or answered on the device", "route", "bytes", accuracy)
    table.add_row("whole model", "", f"{manifest.accuracy:.1f}%")
    for upload in manifest.uploads:
        table.add_row(
            f"{upload.format} quality {upload.quality}",
            f"{upload.mean_bytes:,.0f}",
            _points(upload.accuracy, manifest),
        )
    if manifest.HasField("local"):
        table.add_row("local", "0", _points(manifest.local.accuracy, manifest))
    return table


def _points(accuracy: float, manifest: pb.Manifest) -> str:
    return f"{accuracy:.1f}% ({accuracy - manifest.accuracy:+.1f})"


def _table(title: str | None, *columns: str) -> Table:
    table = Table(title=title, title_justify="left", title_style="bold")
    numeric = {"bytes", "accuracy", "head ms", "tail ms"}
    for column in columns:
        table.add_column(column, justify="right" if column.partition("\n")[0] in numeric else "left")
    return table
