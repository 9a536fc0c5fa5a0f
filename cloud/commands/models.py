"""`isthmus cloud models HOST:PORT`: what a service has loaded, and what it may load."""

import argparse
import json

from google.protobuf.json_format import MessageToDict

from cloud.commands.calling import add_service, call_admin, print_models
from protos import admin_pb2 as ap

_EPILOG = """\
examples:
  isthmus cloud models 127.0.0.1:7070
  isthmus cloud models https://cloud.example --token-file operator.token --json

Needs the role operator.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe `isthmus cloud models`."""
    parser.epilog = _EPILOG
    add_service(parser, "10s")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> None:
    """Raises what the service refuses it with, and CloudError."""
    listed = call_admin(options, "Models", ap.ModelsRequest(), ap.ModelsReply)
    if options.json:
        print(json.dumps(MessageToDict(listed, preserving_proto_field_name=True)))
    else:
        print_models(listed)
