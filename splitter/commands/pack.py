"""`isthmus bundle pack` and `unpack`: a bundle, or what a device needs of it, on its way to a device."""

import argparse
import json
from pathlib import Path

from protos.archive import ENDINGS, unpack
from protos.bundle import Bundle
from protos.terminal.options import add_bundle, add_json, open_bundle
from protos.terminal.units import format_size
from splitter.storage.archive import pack

_PACK = f"""\
-o names an archive where it ends in {" or ".join(ENDINGS)}, else a folder. What is packed again has the same
bytes. An archive holds one folder; `isthmus bundle unpack` checks it, and any tar reads it.

examples:
  isthmus bundle pack --edge -o nano.tar.zst && isthmus bundle verify --bundle nano.tar.zst
  isthmus bundle pack --edge --bundle bundle -o part && isthmus bundle verify --bundle part
"""
_UNPACK = """\
examples:
  isthmus bundle unpack nano.tar.zst -o nano && isthmus ask a.png what is it? --bundle nano
"""


def add_pack(parser: argparse.ArgumentParser) -> None:
    """Describe `isthmus bundle pack`."""
    parser.epilog = _PACK
    add_bundle(parser)
    parser.add_argument(
        "--edge",
        action="store_true",
        help="what a device needs alone: the manifest, edge/ and what was measured",
    )
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="PLACE", help="archive or folder")
    add_json(parser)
    parser.set_defaults(run=_pack)


def add_unpack(parser: argparse.ArgumentParser) -> None:
    """Describe `isthmus bundle unpack`."""
    parser.epilog = _UNPACK
    parser.add_argument("archive", type=Path, metavar="ARCHIVE", help="what `isthmus bundle pack` wrote")
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="DIR", help="folder to make")
    add_json(parser)
    parser.set_defaults(run=_unpack)


def _pack(options: argparse.Namespace) -> None:
    bundle = open_bundle(options.bundle)
    files = pack(bundle, options.output, edge=options.edge)
    _tell(options, bundle, len(files), sum(entry.size for entry in files))


def _unpack(options: argparse.Namespace) -> None:
    bundle = unpack(options.archive, options.output)
    present = [entry for entry, _ in bundle.verify()]
    _tell(options, bundle, len(present), sum(entry.size for entry in present))


def _tell(options: argparse.Namespace, bundle: Bundle, count: int, size: int) -> None:
    """What was written where; the size is that of the files."""
    if options.json:
        told = {"output": str(options.output), "bundle": bundle.digest, "files": count, "bytes": size}
        print(json.dumps(told, indent=1))
    else:
        print(f"{options.output}: bundle {bundle.digest[:12]}, {count} files, {format_size(size)}")
