"""What a source may cost in a day."""

from pathlib import Path

import pytest

from edge.agent.budgets.day import Budget, DayBudgets, Spent

NOON = 86400 * 20_000 + 43_200.0


class Wall:
    def __init__(self) -> None:
        self.now = NOON

    def __call__(self) -> float:
        return self.now


def test_a_budget_that_is_spent_is_named_and_begins_anew_the_next_day() -> None:
    wall = Wall()
    budgets = DayBudgets(wall)
    budgets.spend("door", 900, 5.0)
    assert budgets.over("door", Budget(bytes=1000, joules=6.0)) == ""
    budgets.spend("door", 100, 0.5)
    assert budgets.over("door", Budget(bytes=1000)) == "bytes"
    assert budgets.over("door", Budget(bytes=1000, joules=5.5)) == "joules"
    assert budgets.over("yard", Budget(bytes=1000)) == ""
    assert budgets.over("door", Budget()) == ""
    wall.now += 43_200
    assert budgets.over("door", Budget(bytes=1000)) == ""


def test_what_was_spent_today_outlives_the_process(tmp_path: Path) -> None:
    wall, path = Wall(), tmp_path / "day.json"
    budgets = DayBudgets(wall)
    budgets.spend("door", 900, 5.0)
    budgets.save(path)
    later = DayBudgets(wall)
    later.load(path)
    assert later.spent("door") == Spent(900, 5.0)
    wall.now += 86_400
    later.load(path)
    assert later.spent("door") == Spent()


@pytest.mark.parametrize("text", ["", "[]", '{"saved_at": 0, "day": "x", "sources": {}}'])
def test_a_file_that_is_damaged_is_no_obstacle(
    tmp_path: Path, text: str, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "day.json"
    path.write_text(text)
    budgets = DayBudgets(Wall())
    budgets.load(path)
    assert budgets.spent("door") == Spent()
    assert "is ignored" in caplog.text
