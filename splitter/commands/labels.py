"""`isthmus bundle labels`: the embeddings of an operator's own labels, in a file for devices."""

import argparse
import json
from pathlib import Path

from protos.config import wait_quietly
from protos.files import check_file, write_file
from protos.labels import COMMAND, named_labels
from protos.terminal.options import add_bundle, add_json, open_named_bundle

EPILOG = """\
LABELS is a text file with one label a line, or a comma-separated list. The bundle's text tower reads each
in the bundle's template. The file is for devices whose bundle has no text tower of its own (isthmus split
--with-local), and for this bundle only.

examples:
  isthmus bundle labels animals.txt --bundle clip -o animals.npz
  isthmus ask photo.jpg --bundle clip --label-file animals.npz
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.epilog = EPILOG
    parser.add_argument("labels", metavar="LABELS", help="a file with one a line, or comma-separated")
    add_bundle(parser, built_in=False)
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="FILE", help="the .npz to write")
    add_json(parser)
    parser.set_defaults(run=_run)


def _run(options: argparse.Namespace) -> None:
    wait_quietly()
    from splitter.evaluate.texts import embed_labels
    from splitter.silence import silence_libraries

    check_file(options.output, COMMAND)
    names, bundle = named_labels(options.labels), open_named_bundle(options.bundle, "one of CLIP or SigLIP")
    with silence_libraries():
        packed = embed_labels(bundle, names).packed(bundle.digest)
    write_file(options.output, packed, COMMAND)
    told = {"file": str(options.output), "bundle": bundle.digest, "labels": len(names)}
    print(
        json.dumps(told)
        if options.json
        else f"{len(names)} labels for bundle {bundle.digest[:12]}: {options.output}"
    )
