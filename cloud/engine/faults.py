"""Errors of jobs inside the engine."""

from protos.errors import CloudBusy, PayloadError


class ModelFault(Exception):
    """Model code raised for this request; the log holds the traceback. A bug."""


def no_memory() -> CloudBusy:
    """The error of a job that finds no memory, even alone."""
    return CloudBusy("there is no memory left for this request; try again later, or answer on the device")


def not_finite() -> PayloadError:
    """The error of a job whose features overflow the model's numbers."""
    return PayloadError("the model makes no number of these features; send the picture instead")
