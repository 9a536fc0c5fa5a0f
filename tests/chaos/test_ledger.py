import pytest

from tests.chaos.ledger import PUSHED, Ledger

DEFERRED = f"2026-01-01 00:00:00,000 source {PUSHED}, question what: deferred as 7f"
NOT_KEPT = "2026-01-01 00:00:00,000 a question is not deferred: the outbox is full"


def printed(ledger: Ledger, frame: int, deferred: str = "") -> None:
    ledger.printed({"source": PUSHED, "frame": frame, "route": "split@vision.2/int8", "deferred": deferred})


@pytest.fixture
def ledger() -> Ledger:
    """With a question of an application, and a picture that a source has accepted as its eighth."""
    found = Ledger(before=7)
    found.ask()
    found.push(found.ask())
    return found


def test_questions_that_end_once_are_neither_lost_nor_doubled(ledger: Ledger) -> None:
    assert (ledger.lost, ledger.waiting) == (2, 2)
    ledger.end(1, "local")
    printed(ledger, 8)
    assert (ledger.lost, ledger.waiting, ledger.doubled) == (0, 0, 0)
    assert ledger.answered == {"local": 1, "split": 1}


def test_a_refusal_is_an_end(ledger: Ledger) -> None:
    ledger.end(1, refusal="unavailable")
    ledger.logged(NOT_KEPT)
    assert (ledger.lost, ledger.waiting) == (0, 0)
    assert ledger.refused == {"unavailable": 1, "not_kept": 1}


def test_a_deferred_question_waits_and_is_not_lost(ledger: Ledger) -> None:
    ledger.end(1, "local")
    ledger.logged(DEFERRED)
    assert (ledger.lost, ledger.waiting) == (0, 1)
    printed(ledger, 8, "7f")
    assert (ledger.lost, ledger.waiting) == (0, 0)


def test_an_answer_that_comes_again_is_seen(ledger: Ledger) -> None:
    for _ in range(2):
        ledger.end(1, "local")
        printed(ledger, 8)
    assert ledger.doubled == 2
