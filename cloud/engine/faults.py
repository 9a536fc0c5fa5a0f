"""Errors of jobs inside the engine."""

import torch

from protos.errors import CloudBusy, PayloadError

_CPU_ALLOCATOR = "DefaultCPUAllocator"  # begins what torch says where memory runs out, a plain RuntimeError
_CUBLAS = "CUBLAS_STATUS_ALLOC_FAILED"


class ModelFault(Exception):
    """Model code raised for this request; the log holds the traceback. A bug."""


def ran_out_of_memory(error: Exception) -> bool:
    """Whether an error of model code says that there is no memory left."""
    if isinstance(error, (MemoryError, torch.OutOfMemoryError)):
        return True
    return isinstance(error, RuntimeError) and any(said in str(error) for said in (_CPU_ALLOCATOR, _CUBLAS))


def no_memory() -> CloudBusy:
    """The error of a job that finds no memory, even alone."""
    return CloudBusy("there is no memory left for this request; try again later, or answer on the device")


def not_finite() -> PayloadError:
    """The error of a job whose features overflow the model's numbers."""
    return PayloadError("the model makes no number of these features; send the picture instead")
