"""Errors to gRPC statuses: an expected error keeps its message, any other reveals nothing of the service."""

import logging

import grpc

from cloud.telemetry.statuses import first_of
from protos.errors import IsthmusError

_log = logging.getLogger(__name__)
_MAX_MESSAGE_BYTES = 1500  # gRPC's metadata holds 8 KiB, and a message may quote the request


def status_of(error: BaseException) -> tuple[grpc.StatusCode, str]:
    """The status and message that a caller gets; of a group, those of its first error. Logs an error that is
    not expected.
    """
    error = first_of(error)
    if isinstance(error, IsthmusError):
        message = str(error).encode("utf-8", "replace")[:_MAX_MESSAGE_BYTES].decode("utf-8", "ignore")
        return grpc.StatusCode[error.status], message
    _log.error("a request failed unexpectedly", exc_info=error)
    return (
        grpc.StatusCode.INTERNAL,
        "the service failed at this request and logged why; ask again, or answer on the device",
    )


def reason_of(error: BaseException) -> str:
    """Which of the errors with that status, where a device tells it from the others; else empty."""
    error = first_of(error)
    return error.reason if isinstance(error, IsthmusError) else ""


def code_number(status: grpc.StatusCode) -> int:
    """A status's number on the wire."""
    return int(status.value[0])
