"""`isthmus cloud unload HOST:PORT DIGEST`: serve a bundle no longer, and free its memory."""

import argparse
import json

from google.protobuf.json_format import MessageToDict

from cloud.commands.calling import add_service, call_admin
from protos import admin_pb2 as ap
from protos.terminal.arguments import seconds

_EPILOG = """\
examples:
  isthmus cloud unload 127.0.0.1:7070 9c41f0d2a7b3
  isthmus cloud unload 127.0.0.1:7070 9c41f0d2a7b3 --drain 1min

New requests for it are refused at once, and told what is served instead. What was begun has --drain. The last
bundle is not unloaded. Needs the role admin.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe `isthmus cloud unload`."""
    parser.epilog = _EPILOG
    add_service(parser, "2min")
    parser.add_argument("digest", metavar="DIGEST", help="8 digits or more of the bundle's")
    parser.add_argument(
        "--drain",
        type=seconds("0s", "1h"),
        default="10s",
        metavar="TIME",
        help="for requests that were begun (default: %(default)s)",
    )
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> None:
    """Raises what the service refuses it with, and CloudError."""
    asked = ap.UnloadRequest(digest=options.digest, drain_milliseconds=round(options.drain * 1000))
    options.timeout += options.drain
    reply = call_admin(options, "Unload", asked, ap.UnloadReply)
    if options.json:
        fields = MessageToDict(
            reply, preserving_proto_field_name=True, always_print_fields_with_no_presence=True
        )
        print(json.dumps(fields))
        return
    ended = f"; {reply.unfinished} requests were ended unfinished" if reply.unfinished else ""
    print(f"{reply.digest[:12]} is served no longer{ended}")
