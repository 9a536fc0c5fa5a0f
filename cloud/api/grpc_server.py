"""The gRPC server: its options, its address, health and reflection."""

import socket
from typing import Any

import grpc
from google.protobuf.message import Message
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection

from cloud.config import ServeConfig
from protos import inference_pb2 as ip
from protos.connection.keepalive import server_options
from protos.errors import RequestError
from protos.inference_pb2_grpc import InferenceServicer

_INFERENCE = ip.DESCRIPTOR.services_by_name["Inference"]
SERVICE = _INFERENCE.full_name


def new_server(max_request_bytes: int, max_calls: int) -> grpc.aio.Server:
    """A server without services, of so many calls a connection. How many it has in all is for each service to
    say: health must answer while another is full.
    """
    return grpc.aio.server(options=_options(max_request_bytes, max_calls))


def add_inference(server: grpc.aio.Server, servicer: InferenceServicer) -> None:
    """Add the RPCs of a servicer that reads its requests itself, as bytes (cloud/api/messages.py).

    Each is a stream of requests here, which is the same on the wire: a call begins before its request is
    whole, so that one that never becomes whole can be ended.
    """
    methods: dict[str, grpc.RpcMethodHandler[bytes, Message]] = {}
    for method in _INFERENCE.methods:
        handler = (
            grpc.stream_stream_rpc_method_handler
            if method.server_streaming
            else grpc.stream_unary_rpc_method_handler
        )
        reply = getattr(ip, method.output_type.name)
        methods[method.name] = handler(
            getattr(servicer, method.name), response_serializer=reply.SerializeToString
        )
    server.add_generic_rpc_handlers([grpc.method_handlers_generic_handler(SERVICE, methods)])


async def add_health(server: grpc.aio.Server) -> health.aio.HealthServicer:
    """Add health and reflection; the service is healthy from now on."""
    servicer = health.aio.HealthServicer()
    health_pb2_grpc.add_HealthServicer_to_server(servicer, server)
    reflection.enable_server_reflection([SERVICE, health.SERVICE_NAME, reflection.SERVICE_NAME], server)
    await servicer.set(SERVICE, health_pb2.HealthCheckResponse.SERVING)
    return servicer


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
    """Bind the configured port; the address. Raises RequestError."""
    try:
        port = server.add_insecure_port(f"{config.host}:{config.port}")
    except RuntimeError as error:
        check_port(config)  # the system's own reason; gRPC tells none
        place = f"{config.host}:{config.port}"
        message = f"cannot listen on {place}: gRPC takes no such address; choose another --listen"
        raise RequestError(message, listen=place) from error
    return f"{config.host}:{port}"


def _options(max_request_bytes: int, max_calls: int) -> list[tuple[str, int]]:
    return [
        ("grpc.max_concurrent_streams", max_calls),
        ("grpc.max_receive_message_length", max_request_bytes),
        # else a second service on the same port would start, and get half of the requests
        ("grpc.so_reuseport", 0),
        *server_options(),
    ]
