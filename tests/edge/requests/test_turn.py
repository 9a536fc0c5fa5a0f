"""Who is next on the device. A thread that waits is seen to wait before the next one comes."""

import threading
import time
from collections.abc import Callable
from contextlib import ExitStack

import pytest

from edge.requests.cancellation import Cancellation
from edge.requests.turn import Priority, Turn, Wait
from protos.errors import Cancelled


def wait_of(
    turn: Turn,
    deadline: float = float("inf"),
    priority: Priority = Priority.INTERACTIVE,
    cancellation: Cancellation | None = None,
) -> Wait:
    return Wait(turn, turn.urgency(priority, deadline), cancellation or Cancellation())


def until(true: Callable[[], bool]) -> None:
    ends = time.monotonic() + 20
    while not true():
        assert time.monotonic() < ends, "it never came to that"
        time.sleep(0.001)


def order(turn: Turn, waits: dict[str, Wait], before_release: Callable[[], None] = lambda: None) -> list[str]:
    """Who has the turn after whom, where all of them wait."""
    served: list[str] = []

    def serve(name: str) -> None:
        try:
            with waits[name].held():
                served.append(name)
        except Cancelled:
            served.append(f"{name} cancelled")

    threads = [threading.Thread(target=serve, args=(name,)) for name in waits]
    with wait_of(turn).held():
        for number, thread in enumerate(threads):
            thread.start()
            until(lambda number=number: turn.waiting == number + 1)  # type: ignore[misc]
        before_release()
    for thread in threads:
        thread.join()
    return served


def test_who_came_first_is_first() -> None:
    turn = Turn()
    assert order(turn, {name: wait_of(turn) for name in "abc"}) == ["a", "b", "c"]


def test_the_earliest_deadline_is_first_and_standing_questions_are_last() -> None:
    turn = Turn()
    waits = {
        "standing": wait_of(turn, 1.0, Priority.STANDING),
        "whenever": wait_of(turn),
        "late": wait_of(turn, 30.0),
        "soon": wait_of(turn, 20.0),
    }
    assert order(turn, waits) == ["soon", "late", "whenever", "standing"]


def test_one_that_was_cancelled_while_it_waits_is_told_next() -> None:
    turn, cancellation = Turn(), Cancellation()
    waits = {"a": wait_of(turn, 1.0), "b": wait_of(turn, cancellation=cancellation)}
    assert order(turn, waits, cancellation.cancel) == ["b cancelled", "a"]


def test_who_comes_back_is_before_any_that_has_not_begun() -> None:
    turn, served = Turn(), list[str]()
    away, back = threading.Event(), threading.Event()

    def begin() -> None:
        with wait_of(turn, 1.0).held():
            served.append("begun")

    def leave() -> None:
        one = wait_of(turn, 30.0, Priority.STANDING)
        with one.held():
            with one.let_go():
                away.set()
                assert back.wait(20)
            served.append("came back")

    thread, other = threading.Thread(target=leave), threading.Thread(target=begin)
    thread.start()
    assert away.wait(20)
    with wait_of(turn).held():
        other.start()
        until(lambda: turn.waiting == 1)
        back.set()
        until(lambda: turn.waiting == 2)
    thread.join()
    other.join()
    assert served == ["came back", "begun"]


def test_a_wait_that_is_given_up_ends_without_the_turn() -> None:
    turn = Turn()
    one, had = wait_of(turn), list[bool]()

    def work() -> None:
        with one.held() as begins:
            had.append(begins)

    with wait_of(turn).held():
        thread = threading.Thread(target=work)
        thread.start()
        until(lambda: turn.waiting == 1)
        one.give_up()
        thread.join()
    assert had == [False]
    with one.held() as begins:
        assert not begins, "it was given up before"
    with wait_of(turn).held() as begins:
        assert begins, "and the turn is free"


def test_who_is_more_urgent_goes_first_where_way_is_given_and_nobody_else() -> None:
    turn, served = Turn(), list[str]()

    def serve(name: str, wait: Wait) -> None:
        with wait.held():
            served.append(name)

    late, soon = wait_of(turn, 30.0), wait_of(turn, 10.0)
    with ExitStack() as stack:
        holder = wait_of(turn, 20.0)
        stack.enter_context(holder.held())
        threads = [threading.Thread(target=serve, args=args) for args in (("late", late), ("soon", soon))]
        for thread in threads:
            thread.start()
        until(lambda: turn.waiting == 2)
        assert holder.give_way()
        assert served == ["soon"]
        assert holder.waited_ms > 0
    for thread in threads:
        thread.join()
    assert served == ["soon", "late"]


def test_a_turn_that_is_let_go_is_had_again_also_after_an_error() -> None:
    turn = Turn()
    holder = wait_of(turn)
    with holder.held():
        with pytest.raises(ZeroDivisionError), holder.let_go(), wait_of(turn).held():
            raise ZeroDivisionError
        assert holder.has_turn
    with wait_of(turn).held() as begins:
        assert begins


def test_a_wait_that_is_interrupted_leaves_the_turn_to_the_next(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(_: float | None = None) -> bool:
        raise KeyboardInterrupt

    turn = Turn()
    one = wait_of(turn)
    monkeypatch.setattr(one.over, "wait", interrupted)
    with wait_of(turn).held():
        with pytest.raises(KeyboardInterrupt):
            one.take()
        assert turn.waiting == 0
    with wait_of(turn).held() as begins:
        assert begins


def test_of_many_threads_one_works_at_a_time() -> None:
    turn, inside, most = Turn(), list[int](), list[int]()

    def work(number: int) -> None:
        for _ in range(20):
            wait = wait_of(turn, float(number % 3))
            with wait.held():
                for _ in range(3):
                    inside.append(number)
                    most.append(len(inside))
                    inside.remove(number)
                    wait.give_way()

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert set(most) == {1}
    assert len(most) == 8 * 20 * 3
