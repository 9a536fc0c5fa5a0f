"""`isthmus cloud status HOST:PORT`: whether a service answers there, what it serves, and how loaded it is."""

import argparse
import json
import statistics
import time
from pathlib import Path
from typing import Any

import grpc
from google.protobuf.json_format import MessageToDict
from rich.console import Console
from rich.table import Table

from protos import inference_pb2 as pb
from protos.bundle import Bundle
from protos.connection.channel import error_of, open_channel
from protos.connection.peer import Peer
from protos.errors import WrongBundle
from protos.inference_pb2_grpc import InferenceStub
from protos.packed import bundle_at
from protos.terminal.arguments import seconds
from protos.terminal.options import add_credentials, add_json, peer_of

_EPILOG = """\
examples:
  isthmus cloud status 127.0.0.1:7070
  isthmus cloud status 10.0.0.5:7070 --bundle bundle/      # fails unless this bundle is served there
  isthmus cloud status https://cloud.example --ca authority.pem --token-file token
  isthmus cloud status 127.0.0.1:7070 --json

Runs on a device too: it needs neither torch nor a bundle. The exit status is 0 where a service answers.
"""
_TIMES = 5  # that it is asked again, to time it over a connection that stands


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe `isthmus cloud status`."""
    parser.epilog = _EPILOG
    parser.add_argument(
        "address", metavar="HOST:PORT", help="where `isthmus cloud serve` listens, or https://HOST[:PORT]"
    )
    parser.add_argument("-b", "--bundle", type=Path, metavar="PLACE", help="a bundle that must be served")
    parser.add_argument(
        "--timeout",
        type=seconds(),
        default="5s",
        metavar="TIME",
        help="how long to wait (default: %(default)s)",
    )
    add_credentials(parser)
    add_json(parser)
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> None:
    """Ask and print. Raises CloudError where no service answers, WrongBundle where it serves others."""
    peer = peer_of(options.address, options)
    described, milliseconds = _ask(peer, options.timeout)
    if options.bundle:
        _check_served(str(peer), described, bundle_at(options.bundle))
    if options.json:
        print(json.dumps(_record(str(peer), described, milliseconds)))
    else:
        _print(str(peer), described, milliseconds)


def _ask(peer: Peer, timeout: float) -> tuple[pb.DescribeReply, float]:
    """What the service says of itself, and the median milliseconds of asking."""
    with open_channel(peer) as channel:
        stub, times = InferenceStub(channel), []
        try:
            described: pb.DescribeReply = stub.Describe(pb.DescribeRequest(), timeout=timeout)
            for _ in range(_TIMES):
                asked = time.monotonic()
                described = stub.Describe(pb.DescribeRequest(), timeout=timeout)
                times.append((time.monotonic() - asked) * 1000)
        except grpc.RpcError as error:
            raise error_of(error, peer) from error
    return described, statistics.median(times)


def _check_served(address: str, described: pb.DescribeReply, bundle: Bundle) -> None:
    served = [served.digest for served in described.bundles]
    if bundle.digest not in served:
        raise WrongBundle(
            f"{address} serves {', '.join(digest[:12] for digest in served)}, and not {bundle.path} "
            f"({bundle.digest[:12]}): serve that one as well, or work with one of those",
            bundle=bundle.digest,
            served=served,
        )


def _record(address: str, described: pb.DescribeReply, milliseconds: float) -> dict[str, Any]:
    fields: dict[str, Any] = MessageToDict(
        described, preserving_proto_field_name=True, always_print_fields_with_no_presence=True
    )
    return {"address": address, "milliseconds": milliseconds} | fields


def _print(address: str, described: pb.DescribeReply, milliseconds: float) -> None:
    load = described.load
    print(f"{address} answers in {milliseconds:.1f} ms, Isthmus {described.version}")
    print(f"on {described.device}, {described.dtype}")
    queue = f"recent queue time {load.queue_milliseconds:.1f} ms"
    print(f"{load.running} running, {load.waiting} waiting, {queue}")
    table = Table("bundle", "model", "cuts")
    for served in described.bundles:
        table.add_row(served.digest[:12], served.model, ", ".join(served.cuts))
    Console().print(table)
