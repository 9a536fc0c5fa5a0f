from dataclasses import replace

from deploy.demo.costs import costs
from deploy.demo.record import LinkRun, Record
from edge.policy.explain import COLUMNS
from tests.deploy.demo.records import arm, record

ARMS = [
    arm("split@a/1", 10, "chosen"),
    *(arm(f"split@a/{level}", 10 + level, "slower") for level in range(2, 9)),
    arm("local", 5, "rule no-local"),
    arm("upload@webp-50", 30, "slower"),
    arm("upload@webp-90", 31, "slower"),
    arm("upload@jpeg-75", 40, "slower"),
]


def shown(*runs: LinkRun) -> str:
    table, *_ = costs(Record("nano", 93.0, {}, runs))
    return table.replace("<wbr>", "")


def test_six_ways_are_shown_the_chosen_one_first_and_the_best_of_each_kind_and_format() -> None:
    table = shown(LinkRun("good", "", [], COLUMNS, ARMS))
    rows = table.split('<th scope="row"><span class="way">')[1:]
    names = [row.partition("<")[0] for row in rows]
    assert names[0] == "split@a/1"
    assert len(names) == 6
    assert {"local", "upload@webp-50", "upload@jpeg-75"} <= set(names)


def test_what_was_chosen_and_what_was_ruled_out_is_marked_on_each_link() -> None:
    other = [arm("split@a/2", 8, "chosen"), arm("split@a/1", 9, "slower")]
    table = shown(LinkRun("good", "", [], COLUMNS, ARMS), LinkRun("slow", "", [], COLUMNS, other))
    assert table.count(">chosen<") == 2
    assert "ruled out" in table


def test_all_ways_are_there_when_asked_for() -> None:
    _, whole = costs(Record("nano", 93.0, {}, [LinkRun("good", "", [], COLUMNS, ARMS)]))
    assert "upload@<wbr>webp-90" in whole
    assert "All 12 ways on the good" in whole


def test_without_a_decision_there_are_no_costs() -> None:
    assert costs(replace(record(), links=[])) == []
