"""Errors to gRPC statuses: an expected one speaks for itself, any other says nothing of the inside."""

import logging

import grpc

from protos.errors import IsthmusError

_log = logging.getLogger(__name__)
_MAX_WORDS = 1500  # bytes; gRPC's metadata holds 8 KiB, and a message may quote the request


def status_of(error: Exception) -> tuple[grpc.StatusCode, str]:
    """The status and message that a caller gets; what is not expected is logged here."""
    if isinstance(error, IsthmusError):
        return grpc.StatusCode[error.status], str(error).encode("utf-8", "replace")[:_MAX_WORDS].decode(
            "utf-8", "ignore"
        )
    _log.error("a request failed unexpectedly", exc_info=error)
    return (
        grpc.StatusCode.INTERNAL,
        "the service failed at this request and logged why; ask again, or answer on the device",
    )


def code_number(status: grpc.StatusCode) -> int:
    """A status's number on the wire."""
    return int(status.value[0])
