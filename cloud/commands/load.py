"""`isthmus cloud load HOST:PORT NAME`: serve a further bundle, without a restart."""

import argparse
import json

from google.protobuf.json_format import MessageToDict

from cloud.commands.calling import add_service, call_admin
from protos import admin_pb2 as ap
from protos.terminal.units import format_size

_EPILOG = """\
examples:
  isthmus cloud load 127.0.0.1:7070 nano-2                      # the folder nano-2 of `serve --bundles DIR`
  isthmus cloud load https://cloud.example 9c41f0d2a7b3 --token-file admin.token

The service checks first that there is memory for it, loads it in a thread of its own, and goes on answering;
where the load fails, nothing has changed. Ctrl-C drops it. Needs the role admin.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe `isthmus cloud load`."""
    parser.epilog = _EPILOG
    add_service(parser, "10min")
    parser.add_argument(
        "name", metavar="NAME", help="a bundle's folder in --bundles there, or 8 digits or more of its digest"
    )
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> None:
    """Raises what the service refuses it with, and CloudError."""
    model = call_admin(options, "Load", ap.LoadRequest(name=options.name), ap.Model)
    if options.json:
        print(json.dumps(MessageToDict(model, preserving_proto_field_name=True)))
        return
    placed = f"{model.device}, {model.dtype}, {format_size(model.weight_bytes)} of weights"
    print(f"{model.digest[:12]} ({model.model}) is served on {placed}")
