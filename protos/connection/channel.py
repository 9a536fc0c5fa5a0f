"""The gRPC channel to a service: where its address, credentials and options are put together."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

# gRPC's own log says in lines of C++ what the error of the call says too
os.environ.setdefault("GRPC_VERBOSITY", "NONE")

import grpc

from protos.connection.credentials import read_tls_files, read_token, warn_if_public
from protos.connection.failures import REASON, failure
from protos.connection.keepalive import Options, client_options
from protos.connection.peer import Peer
from protos.errors import IsthmusError


def open_channel(peer: Peer, options: Sequence[tuple[str, int]] = ()) -> grpc.Channel:
    """A channel that connects when it is first used. Raises RequestError for credentials that are none."""
    told = [*channel_options(), *options]
    if peer.tls:
        files = read_tls_files(peer.credentials)
        channel = grpc.secure_channel(peer.target, grpc.ssl_channel_credentials(*files), told)
    else:
        channel = grpc.insecure_channel(peer.target, told)
    if token_file := peer.credentials.token_file:
        warn_if_public(token_file)
        channel = grpc.intercept_channel(channel, _Bearer(token_file))
    return channel


def error_of(error: grpc.RpcError, peer: Peer) -> IsthmusError:
    """Our error for a failed call, the server's own words in it."""
    reason = next((str(one.value) for one in error.trailing_metadata() or () if one.key == REASON), "")
    return failure(error.code().name, error.details() or "no details", peer, reason)


def channel_options() -> Options:
    """What every channel of ours has."""
    return [
        # a lost call becomes a local answer; a hidden second try would eat its time
        ("grpc.enable_retries", 0),
        ("grpc.enable_http_proxy", 0),  # a device's environment must not reroute its pictures
        ("grpc.use_local_subchannel_pool", 1),  # one client's back-off is not another's
        *client_options(),
        ("grpc.initial_reconnect_backoff_ms", 200),
        ("grpc.min_reconnect_backoff_ms", 2_000),  # also what one attempt to connect may take
        ("grpc.max_reconnect_backoff_ms", 5_000),
    ]


@dataclass
class _CallDetails(grpc.ClientCallDetails):
    """What gRPC lets an interceptor change of a call."""

    method: str
    timeout: float | None
    metadata: tuple[tuple[str, str | bytes], ...] | None
    credentials: grpc.CallCredentials | None
    wait_for_ready: bool | None
    compression: grpc.Compression | None


class _Bearer(
    grpc.UnaryUnaryClientInterceptor, grpc.UnaryStreamClientInterceptor, grpc.StreamStreamClientInterceptor
):
    """Sends the token in a file with every call, read when the call begins, so that it can be replaced."""

    def __init__(self, token_file: Path) -> None:
        self._token_file = token_file

    def intercept_unary_unary(self, continuation: Any, details: Any, request: Any) -> Any:
        return continuation(self._bearing(details), request)

    def intercept_unary_stream(self, continuation: Any, details: Any, request: Any) -> Any:
        return continuation(self._bearing(details), request)

    def intercept_stream_stream(self, continuation: Any, details: Any, requests: Any) -> Any:
        return continuation(self._bearing(details), requests)

    def _bearing(self, details: Any) -> _CallDetails:
        token = ("authorization", f"Bearer {read_token(self._token_file)}")
        return _CallDetails(
            details.method,
            details.timeout,
            (*(details.metadata or ()), token),
            details.credentials,
            details.wait_for_ready,
            details.compression,
        )
