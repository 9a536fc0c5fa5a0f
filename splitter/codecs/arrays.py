"""The arrays that codecs are fitted with."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Doubles = NDArray[np.float64]
Integers = NDArray[np.integer]
Tensors = Mapping[str, Floats]  # a boundary of some pictures (pictures, tokens, width), by tensor name
