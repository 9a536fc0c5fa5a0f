"""Errors of jobs inside the engine."""

from protos.errors import PayloadError


class ModelFault(Exception):
    """Model code raised; the log holds the traceback. A bug, or a machine out of memory."""


def not_finite() -> PayloadError:
    """The error of a job whose features overflow the model's numbers."""
    return PayloadError("the model makes no number of these features; send the picture instead")
