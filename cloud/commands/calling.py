"""What the commands that change a running service share: its address, who asks, and one call."""

import argparse
from typing import TypeVar

import grpc
from google.protobuf.message import Message
from rich.console import Console
from rich.table import Column, Table

from protos import admin_pb2 as ap
from protos.admin_pb2_grpc import AdminStub
from protos.connection.channel import error_of, open_channel
from protos.terminal.arguments import seconds
from protos.terminal.options import add_credentials, add_json, peer_of
from protos.terminal.units import format_size

ReplyT = TypeVar("ReplyT", bound=Message)
_STATES = {ap.Model.SERVING: "serving", ap.Model.DRAINING: "draining", ap.Model.AVAILABLE: "not loaded"}


def add_service(parser: argparse.ArgumentParser, timeout: str) -> None:
    """HOST:PORT, credentials, --timeout and --json."""
    parser.add_argument(
        "address", metavar="HOST:PORT", help="where `isthmus cloud serve` listens, or https://HOST[:PORT]"
    )
    parser.add_argument(
        "--timeout",
        type=seconds(most="1h"),
        default=timeout,
        metavar="TIME",
        help="how long to wait (default: %(default)s)",
    )
    add_credentials(parser)
    add_json(parser)


def call_admin(options: argparse.Namespace, method: str, request: Message, kind: type[ReplyT]) -> ReplyT:
    """The reply to one call of the Admin service. Raises what the service refused it with, and CloudError."""
    peer = peer_of(options.address, options)
    with open_channel(peer) as channel:
        try:
            reply = getattr(AdminStub(channel), method)(request, timeout=options.timeout)
        except grpc.RpcError as error:
            raise error_of(error, peer) from error
    assert isinstance(reply, kind)
    return reply


def print_models(listed: ap.ModelsReply) -> None:
    """A row a model."""
    table = Table(Column("bundle", no_wrap=True), "model", "state", "folder", "on", "weights", "requests")
    for model in listed.models:
        loaded = model.state != ap.Model.AVAILABLE
        table.add_row(
            model.digest[:12],
            model.model,
            _STATES.get(model.state, "unknown"),
            model.folder,
            f"{model.device}, {model.dtype}" if loaded else "",
            format_size(model.weight_bytes) if loaded else "",
            str(model.unfinished) if loaded else "",
        )
    Console().print(table)
    print(f"{format_size(listed.free_bytes)} of memory are free")
