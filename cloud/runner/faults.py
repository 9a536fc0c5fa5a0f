"""What goes wrong where the model runs."""

import torch

from protos.errors import CloudError

_CPU_ALLOCATOR = "DefaultCPUAllocator"  # begins what torch says where memory runs out, a plain RuntimeError
_CUBLAS = "CUBLAS_STATUS_ALLOC_FAILED"


class ModelLost(CloudError):
    """The process that runs the model has ended, and nothing that it held is left; another is started."""


def ran_out_of_memory(error: Exception) -> bool:
    """Whether an error of model code says that there is no memory left."""
    if isinstance(error, (MemoryError, torch.OutOfMemoryError)):
        return True
    return isinstance(error, RuntimeError) and any(said in str(error) for said in (_CPU_ALLOCATOR, _CUBLAS))
