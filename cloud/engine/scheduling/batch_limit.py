"""How much a step of the model takes at once, by the memory that there is. Pure."""

from dataclasses import dataclass

GOOD_STEPS = 64  # at a limit, before it is raised
_RAISES = 16  # from nothing to the most


class BatchLimit:
    """Halved where memory runs out, and raised step by step while it does not: additive increase,
    multiplicative decrease (Chiu and Jain 1989).
    """

    def __init__(self, most: int) -> None:
        """`most`: jobs, or tokens of prompts, in one step."""
        self.now = self.most = most
        self._good = 0

    def ran_out(self, size: int) -> None:
        """Memory ran out in a step of this size."""
        self.now = max(1, min(self.now, size) // 2)
        self._good = 0

    def went_well(self, size: int) -> None:
        """A step of this size had memory enough. A much smaller one proves nothing."""
        if self.now == self.most or 2 * size < self.now:
            return
        self._good += 1
        if self._good == GOOD_STEPS:
            self.now = min(self.most, self.now + max(1, self.most // _RAISES))
            self._good = 0


@dataclass(frozen=True)
class StepLimits:
    """What memory has room for in the steps of each kind."""

    encode: BatchLimit  # jobs
    prefill: BatchLimit  # tokens
    decode: BatchLimit  # jobs
