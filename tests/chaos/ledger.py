"""What was asked of an agent, and what became of it: every question that was accepted ends once."""

import time
from collections import Counter, defaultdict
from typing import Any, NamedTuple

PUSHED = "pushed"  # the source whose questions may wait in the outbox
_KINDS = ("local", "split", "upload")


class Ending(NamedTuple):
    """`route`: of an answer; `refusal`: the code of an error that says why there is none."""

    at: float
    route: str = ""
    refusal: str = ""


class Ledger:
    """Filled by a client, and by what the agent prints and logs, in any thread.

    An application's question has a number. A pushed picture that was accepted has the number of its frame:
    frames are counted from 1 while the agent lives, so a ledger begins with those `before` it.
    """

    def __init__(self, before: int = 0) -> None:
        self.asked, self.frame = 0, before
        self.accepted = set[int]()
        self.endings = defaultdict[int, list[Ending]](list)
        self.pushed = set[int]()
        self.seen = defaultdict[tuple[str, int], list[Ending]](list)  # by source and frame
        self.deferred, self.fetched = set[str](), Counter[str]()
        self.not_kept = 0

    def ask(self) -> int:
        """A number for a question that is about to be asked."""
        self.asked += 1
        self.accepted.add(self.asked)
        return self.asked

    def end(self, number: int, route: str = "", refusal: str = "") -> None:
        """A question's answer, or the reason why there is none."""
        self.endings[number].append(Ending(time.monotonic(), route, refusal))

    def push(self, number: int) -> None:
        """A question was a picture for a source, which accepted it."""
        self.accepted.discard(number)
        self.frame += 1
        self.pushed.add(self.frame)

    def printed(self, line: dict[str, Any]) -> None:
        """What the agent prints of an answer to a standing question."""
        self.seen[line["source"], line["frame"]].append(Ending(time.monotonic(), line["route"]))
        if line["deferred"]:
            self.fetched[line["deferred"]] += 1

    def logged(self, line: str) -> None:
        """What the agent logs."""
        if f"source {PUSHED}" in line and "deferred as " in line:
            self.deferred.add(line.rsplit(maxsplit=1)[-1])
        elif "a question is not deferred" in line:
            self.not_kept += 1

    @property
    def waiting(self) -> int:
        """Questions that have not ended."""
        return self._unanswered + len(self._unseen) - self.not_kept

    @property
    def lost(self) -> int:
        """Of those, what is not kept for later either."""
        stored = self.deferred - set(self.fetched)
        return max(self.waiting - len(stored), 0)

    @property
    def doubled(self) -> int:
        """Questions that ended more than once."""
        every = (*self.endings.values(), *self.seen.values())
        return sum(len(endings) > 1 for endings in every)

    @property
    def told(self) -> int:
        """Answers that applications got."""
        return sum(bool(ending.route) for ending in self._endings())

    @property
    def refused(self) -> Counter[str]:
        """Questions that were refused, by the code of the error; those that the outbox did not keep too."""
        found = Counter(one.refusal for one in self._endings() if one.refusal)
        return found + Counter(not_kept=self.not_kept)

    @property
    def answered(self) -> Counter[str]:
        """Answers by the kind of way that they came."""
        routes = [one.route for one in self._endings() + self._seen() if one.route]
        kinds = (route.partition("@")[0] for route in routes)
        return Counter(kind if kind in _KINDS else "other" for kind in kinds)

    def answers_from_cloud(self, since: float) -> list[float]:
        """When answers of the cloud came to applications, from a moment on."""
        return [one.at for one in self._endings() if one.at >= since and one.route not in {"", "local"}]

    def answers_of(self, source: str, since: float) -> list[float]:
        """When answers about a source's frames came, from a moment on."""
        return [
            one.at
            for (name, _), seen in self.seen.items()
            for one in seen
            if name == source and one.at >= since
        ]

    @property
    def _unanswered(self) -> int:
        return len(self.accepted - set(self.endings))

    @property
    def _unseen(self) -> set[int]:
        return self.pushed - {frame for source, frame in list(self.seen) if source == PUSHED}

    def _endings(self) -> list[Ending]:
        return [ending for endings in list(self.endings.values()) for ending in endings]

    def _seen(self) -> list[Ending]:
        return [one for (source, _), seen in list(self.seen.items()) if source == PUSHED for one in seen]


class Books:
    """One ledger after another, of one agent: what it prints and logs goes to the last."""

    def __init__(self) -> None:
        self._ledger = Ledger()

    def next(self) -> Ledger:
        """For the next questions; those of the last one have ended."""
        self._ledger = Ledger(before=self._ledger.frame)
        return self._ledger

    def printed(self, line: dict[str, Any]) -> None:
        self._ledger.printed(line)

    def logged(self, line: str) -> None:
        self._ledger.logged(line)
