"""The gRPC server: its options, and its address."""

import resource
import socket
from collections.abc import Callable
from typing import Any

import grpc
from google.protobuf.descriptor import ServiceDescriptor
from google.protobuf.message import Message

from cloud.config import ServeConfig
from cloud.identity.tls import ServerFiles, server_credentials
from protos import admin_pb2, inference_pb2
from protos.admin_pb2_grpc import AdminServicer
from protos.connection.keepalive import server_options
from protos.errors import RequestError
from protos.inference_pb2_grpc import InferenceServicer

_INFERENCE = inference_pb2.DESCRIPTOR.services_by_name["Inference"]
_ADMIN = admin_pb2.DESCRIPTOR.services_by_name["Admin"]
SERVICE, ADMIN_SERVICE = _INFERENCE.full_name, _ADMIN.full_name

_HANDSHAKE_MS = 10_000  # for HTTP/2 to begin; a bare connection ends then
_DESCRIPTORS = 256  # for all but connections: libraries, workers, an event loop


def new_server(max_request_bytes: int, config: ServeConfig) -> grpc.aio.Server:
    """A server without services. How many calls it has in all is for each service to say: health must answer
    while another is full.
    """
    return grpc.aio.server(options=_options(max_request_bytes, config))


def _options(max_request_bytes: int, config: ServeConfig) -> list[tuple[str, int]]:
    """What bounds connections, calls of a connection, bytes of a message, and what gRPC holds of a stream
    that nobody reads.

    The last is HTTP/2's first window, 64 KiB, since gRPC's probes of the bandwidth are off: they widen it to
    64 MiB and more. A message that is read gets a window as wide as it is long.
    """
    return [
        ("grpc.max_allowed_incoming_connections", max_connections(config)),
        ("grpc.server_handshake_timeout_ms", _HANDSHAKE_MS),
        ("grpc.http2.settings_timeout", _HANDSHAKE_MS),
        ("grpc.max_concurrent_streams", config.max_calls),
        ("grpc.max_receive_message_length", max_request_bytes),
        ("grpc.http2.bdp_probe", 0),
        # else a second service on the same port would start, and get half of the requests
        ("grpc.so_reuseport", 0),
        *server_options(),
    ]


def max_connections(config: ServeConfig) -> int:
    """As many as are configured, or as the process has descriptors for."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    unlimited = soft == resource.RLIM_INFINITY
    return config.max_connections if unlimited else max(1, min(config.max_connections, soft - _DESCRIPTORS))


def add_inference(
    server: grpc.aio.Server, servicer: InferenceServicer, sent: Callable[[int], None] = lambda _: None
) -> None:
    """Add the RPCs of a servicer that reads its requests itself, as bytes (cloud/api/messages.py). `sent` is
    told the bytes of each reply.
    """
    _add(server, _INFERENCE, servicer, sent)


def add_admin(server: grpc.aio.Server, servicer: AdminServicer) -> None:
    """The same for the RPCs that change the service."""
    _add(server, _ADMIN, servicer, lambda _: None)


def _add(
    server: grpc.aio.Server, service: ServiceDescriptor, servicer: object, sent: Callable[[int], None]
) -> None:
    """Each RPC is a stream of requests here, which is the same on the wire: a call begins before its request
    is whole, so that one that never becomes whole can be ended.
    """

    def written(reply: Message) -> bytes:
        data = reply.SerializeToString()
        sent(len(data))
        return data

    methods: dict[str, grpc.RpcMethodHandler[bytes, Message]] = {}
    for method in service.methods:
        handler = (
            grpc.stream_stream_rpc_method_handler
            if method.server_streaming
            else grpc.stream_unary_rpc_method_handler
        )
        methods[method.name] = handler(getattr(servicer, method.name), response_serializer=written)
    server.add_generic_rpc_handlers([grpc.method_handlers_generic_handler(service.full_name, methods)])


def check_port(config: ServeConfig) -> None:
    """Raises RequestError at once where `listen` would when all models are loaded."""
    place = f"{config.host}:{config.port}"
    try:
        found = socket.getaddrinfo(config.host.strip("[]"), config.port, type=socket.SOCK_STREAM)
        reasons = [_why_not(family, address) for family, _, _, _, address in found]
    except OSError as error:
        reasons = [error.strerror or str(error)]
    if all(reasons):
        raise RequestError(f"cannot listen on {place}: {reasons[0]}; choose another --listen", listen=place)


def _why_not(family: int, address: tuple[Any, ...]) -> str:
    """Why nobody can listen at an address; empty if one can."""
    try:
        with socket.socket(family, socket.SOCK_STREAM) as tried:
            tried.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # connections of a service that ended
            tried.bind(address)
    except OSError as error:
        return error.strerror or str(error)
    return ""


def listen(server: grpc.aio.Server, config: ServeConfig) -> str:
    """Bind the configured port; the address. Raises RequestError, also for a certificate that is none."""
    place = f"{config.host}:{config.port}"
    credentials = _credentials(config)
    try:
        port = server.add_secure_port(place, credentials) if credentials else server.add_insecure_port(place)
    except RuntimeError as error:
        check_port(config)  # the system's own reason; gRPC tells none
        message = f"cannot listen on {place}: gRPC takes no such address; choose another --listen"
        raise RequestError(message, listen=place) from error
    return f"{config.host}:{port}"


def _credentials(config: ServeConfig) -> grpc.ServerCredentials | None:
    access = config.access
    if access.tls_cert is None or access.tls_key is None:
        return None
    return server_credentials(ServerFiles(access.tls_cert, access.tls_key, access.client_ca))
