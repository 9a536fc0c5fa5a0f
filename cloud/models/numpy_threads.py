"""How many threads numpy multiplies with: one for each thread that decodes, for torch has the other cores.

Left alone, every small product of a decoder is spread over all cores, where it waits for the model's.
"""

import numpy as np  # noqa: F401 - so that its library is there to be told
from threadpoolctl import ThreadpoolController


def limit_numpy(threads: int = 1) -> None:
    """From now on, in this process; torch's own libraries are left as they are."""
    for library in ThreadpoolController().lib_controllers:
        if "numpy" in library.filepath:
            library.set_num_threads(threads)
