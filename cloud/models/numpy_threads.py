"""How many threads numpy multiplies with: one for each decode thread, since torch has the other cores.

By default every small product of a codec is spread over all cores, where it waits for the model's.
"""

import numpy as np  # noqa: F401 - loads the library that is to be limited
from threadpoolctl import ThreadpoolController


def limit_numpy(threads: int = 1) -> None:
    """Limit numpy in this process from now on; torch's own libraries stay as they are."""
    for library in ThreadpoolController().lib_controllers:
        if "numpy" in library.filepath:
            library.set_num_threads(threads)
