"""Limits of time of many calls, kept by one thread."""

import threading

from edge.link.time_limits import TimeLimits


def test_actions_are_done_when_they_are_due_by_one_thread() -> None:
    limits, done, threads = TimeLimits(), list[str](), set[str]()
    last = threading.Event()

    def act(name: str) -> None:
        done.append(name)
        threads.add(threading.current_thread().name)

    limits.after(0.1, last.set)
    limits.after(0.02, lambda: act("second"))
    limits.after(0.01, lambda: act("first"))
    assert last.wait(10)
    assert (done, threads) == (["first", "second"], {"limits of calls"})


def test_what_is_cancelled_or_cleared_is_not_done() -> None:
    limits, done, last = TimeLimits(), list[str](), threading.Event()
    limits.after(0.0, lambda: done.append("cleared"))
    limits.clear()
    limits.after(0.01, lambda: done.append("cancelled")).cancel()
    limits.after(0.02, last.set)
    assert last.wait(10)
    assert done in ([], ["cleared"]), "the first was due at once"
