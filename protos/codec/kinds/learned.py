"""The fitted codec with a small network on each side of it."""

from collections.abc import Mapping

import numpy as np

from protos.arrays import Floats
from protos.codec.kinds.fitted import Fitted


class Learned(Fitted):
    """The encoder's network nudges its codes, the receiver's adds to the tensors."""

    name = "learned"

    def _per_step(self, finer: int) -> Mapping[str, Floats]:
        """And how much finer the steps are than the level's, for a nudge is so many of the level's."""
        steps = {f"finer/{name}": np.array(finer, np.float32) for name in self._levels}
        return {**super()._per_step(finer), **steps}
