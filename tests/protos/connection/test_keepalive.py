from pathlib import Path

import pytest
from grpc._cython import cygrpc  # type: ignore[attr-defined] # the stubs leave it out

from cloud.api import grpc_server
from cloud.config import ServeConfig
from edge.link import client
from protos.connection.channel import channel_options
from protos.connection.keepalive import PING_SECONDS, client_options, server_options

GRPC = Path(cygrpc.__file__).read_bytes()
SET = {
    *dict(channel_options()),
    *dict(client._options(1)),
    *dict(grpc_server._options(1, ServeConfig((Path(),)))),
}


@pytest.mark.parametrize("name", sorted(SET))
def test_grpc_knows_every_option_that_is_set(name: str) -> None:
    """gRPC ignores what it does not know without a word."""
    assert name.encode() + b"\0" in GRPC


def test_no_ping_of_a_client_comes_too_early_for_a_server() -> None:
    sent, taken = dict(client_options()), dict(server_options())
    assert sent["grpc.keepalive_time_ms"] == 1000 * PING_SECONDS
    assert 2 * taken["grpc.http2.min_ping_interval_without_data_ms"] <= sent["grpc.keepalive_time_ms"]
    assert taken["grpc.keepalive_permit_without_calls"] == sent["grpc.keepalive_permit_without_calls"] == 1


def test_a_lost_connection_is_noticed_within_25_seconds() -> None:
    options = dict(client_options())
    assert options["grpc.keepalive_time_ms"] + options["grpc.keepalive_timeout_ms"] <= 25_000


def test_a_server_notices_a_device_that_vanished_within_half_a_minute_of_silence() -> None:
    options = dict(server_options())
    assert options["grpc.keepalive_time_ms"] + options["grpc.keepalive_timeout_ms"] <= 30_000
