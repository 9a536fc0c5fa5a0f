"""How many compiled kernels torch's library for CPUs (oneDNN) keeps.

It compiles one for each shape of a product, so for each number of rows and tokens that meet, and by itself it
keeps 1,024 of them, half a megabyte each. After 600 requests a service of the built-in model held 860 to 900
MB so, and 680 with 128 kernels; several steps of a model take no more. To compile one takes a millisecond.
"""

import os

_KERNELS = "128"
_VARIABLES = ("ONEDNN_PRIMITIVE_CACHE_CAPACITY", "LRU_CACHE_CAPACITY")  # oneDNN's, and torch's in front of it


def limit_kernel_cache() -> None:
    """To be called before torch is imported. What the operator has set stays."""
    for name in _VARIABLES:
        os.environ.setdefault(name, _KERNELS)
