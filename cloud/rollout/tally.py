"""Pairs of answers, one of each version to the same request, and their sums."""

from dataclasses import dataclass, replace
from typing import Protocol

from numpy.typing import ArrayLike

MAX_LOG_RATIO = 1.0  # what one pair counts at most: e times as long, or as short


@dataclass(frozen=True)
class Pair:
    """What came of a request that both versions were given."""

    stable_failed: bool = False
    candidate_failed: bool = False
    changed: bool = False  # the answers are not the same text
    log_ratio: float = 0.0  # of the candidate's time to the stable version's, where both answered


class Sums(Protocol):
    """Sums over pairs, all that a verdict needs: numbers, or arrays of them for many rollouts at once."""

    @property
    def pairs(self) -> ArrayLike: ...
    @property
    def candidate_failed(self) -> ArrayLike:
        """Where the candidate failed and the stable version did not."""

    @property
    def stable_failed(self) -> ArrayLike:
        """The other way round."""

    @property
    def answered(self) -> ArrayLike:
        """By both."""

    @property
    def changed(self) -> ArrayLike: ...
    @property
    def slower(self) -> ArrayLike:
        """Of the log ratios, less the logarithm of the ratio that is allowed."""

    @property
    def slower_squares(self) -> ArrayLike: ...


@dataclass(frozen=True)
class Tally:
    """The sums of one rollout."""

    pairs: int = 0
    candidate_failed: int = 0
    stable_failed: int = 0
    answered: int = 0
    changed: int = 0
    slower: float = 0.0
    slower_squares: float = 0.0
    log_ratios: float = 0.0  # as they are, for a reader

    def add(self, pair: Pair, log_bound: float) -> "Tally":
        """With a further pair. `log_bound`: of the ratio of times that is allowed."""
        only_candidate = pair.candidate_failed and not pair.stable_failed
        only_stable = pair.stable_failed and not pair.candidate_failed
        failed = replace(
            self,
            pairs=self.pairs + 1,
            candidate_failed=self.candidate_failed + only_candidate,
            stable_failed=self.stable_failed + only_stable,
        )
        if pair.candidate_failed or pair.stable_failed:
            return failed
        slower = max(-MAX_LOG_RATIO, min(pair.log_ratio - log_bound, MAX_LOG_RATIO))
        return replace(
            failed,
            answered=self.answered + 1,
            changed=self.changed + pair.changed,
            slower=self.slower + slower,
            slower_squares=self.slower_squares + slower**2,
            log_ratios=self.log_ratios + pair.log_ratio,
        )
