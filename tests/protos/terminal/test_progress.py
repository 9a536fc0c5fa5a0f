import io
import sys
import time
from collections.abc import Callable

import pytest
from rich.console import Console

from protos.terminal.progress import Progress, progress


def wait_for(text: str, said: Callable[[], str]) -> str:
    """All that was said, once the text is among it."""
    told = ""
    while text not in told:
        time.sleep(0.005)
        told += said()
    return told


def test_without_a_terminal_a_line_says_now_and_then_how_far_it_is(
    capsys: pytest.CaptureFixture[str],
) -> None:
    def said() -> str:
        out, err = capsys.readouterr()
        assert not out
        return err

    with progress(seconds=0.01) as shown:
        shown.step("measuring", 9)
        shown.advance()
        shown.advance(2, note="vision.4")
        told = wait_for("measuring: 3 of 9, vision.4, ", said)
        assert told.startswith("measuring\n")
        shown.step("timing", 1.0)
        shown.update(0.25)
        assert "timing\n" in wait_for("timing: 25%, ", said)
        shown.step("loading")
        wait_for("loading: ", said)
        shown.reach("fitting", 2, 4)
        shown.reach("fitting", 3, 4)
        assert wait_for("fitting: 3 of 4, ", said).count("fitting\n") == 1
        shown.say("a [line] that stays")
        assert "a [line] that stays\n" in said()


def test_a_step_that_took_long_tells_its_end() -> None:
    now, said = iter((100.0, 163.0, 163.0, 163.5)), io.StringIO()
    shown = Progress(Console(file=said), clock=lambda: next(now))
    shown.step("measuring", 9)
    shown.step("timing")
    shown.end()
    assert said.getvalue().splitlines() == ["measuring", "measuring: done in 63 s", "timing"]


def test_what_fails_ends_in_no_line_of_success(capsys: pytest.CaptureFixture[str]) -> None:
    def fail() -> None:
        with progress() as shown:
            shown.step("measuring")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert capsys.readouterr().err == "measuring\n"


def test_on_a_terminal_a_bar_is_drawn_and_lines_stay_above_it() -> None:
    drawn = io.StringIO()
    shown = Progress(Console(file=drawn, force_terminal=True, width=100))
    with shown.bar:
        shown.step("measuring", 4)
        shown.advance(1)
        shown.say("cuts: vision.2")
        shown.bar.refresh()
        shown.tell()
    assert "measuring" in drawn.getvalue()
    assert "25%" in drawn.getvalue()
    assert "cuts: vision.2\n" in drawn.getvalue()
    assert "1 of 4" not in drawn.getvalue(), "that is for where nothing can be drawn"


def test_standard_error_is_where_it_goes() -> None:
    with progress() as shown:
        assert shown.bar.console.file is sys.stderr
