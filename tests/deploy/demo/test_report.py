import io
from html.parser import HTMLParser
from pathlib import Path

import pytest
from rich.console import Console

from bench.rig.outcomes import Asked, Outcome
from deploy.demo.output import check, write
from deploy.demo.page import render
from deploy.demo.record import LinkRun, Record, Summary, nearest_rank, story
from deploy.demo.tables import show
from protos.errors import RequestError

HOSTILE = "<script>alert('&\"')</script><img src=x onerror=alert(1)>"
VOID = {"meta", "img", "br", "link", "input", "hr"}
PNG = b"\x89PNG\r\n\x1a\n"


def asked(question: str = "what color is the star?", expected: str = "red") -> Asked:
    return Asked("scene-00", PNG, "colour", question, expected, 2000)


def record(question: str = "what color is the star?", answer: str = "red", route: str = "local") -> Record:
    one = asked(question)
    outcomes = [
        Outcome(one, "local", answer, route="local", milliseconds=4.0, stages={"head": 2.0}),
        Outcome(one, "upload", answer, route="upload@jpeg-75", bytes_up=2100, milliseconds=60.0),
        Outcome(one, "auto", answer, route=route, milliseconds=5.0),
    ]
    lost = [
        Outcome(one, "upload", failure="the cloud did not answer"),
        Outcome(one, "auto", answer, route="local", milliseconds=5.0),
    ]
    links = [
        LinkRun(
            "good link",
            "50 Mbit/s",
            outcomes,
            ("arm", "verdict"),
            (("local", "chosen"), (question, "slower")),
        ),
        LinkRun("cloud killed", "", lost, killed=True),
    ]
    return Record("nano", 93.0, {"machine": question}, links)


class Page(HTMLParser):
    """Checks that elements close in order, and keeps what the tests ask for."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str]] = []
        self.text = ""
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += [(name, value or "") for name, value in attrs]
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.handle_endtag(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


def test_every_element_of_the_page_closes_in_order() -> None:
    assert Page(render(record())).open == []


def test_the_page_needs_nothing_from_elsewhere() -> None:
    html = render(record())
    links = [
        value for name, value in Page(html).attributes if name in {"src", "href", "srcset", "action", "data"}
    ]
    assert links
    assert all(link.startswith(("data:", "#")) for link in links)
    assert all(part.startswith(("#", "'#", '"#', "data:")) for part in html.split("url(")[1:])
    assert "@import" not in html
    assert "script" not in Page(html).tags


def test_hostile_text_stays_text() -> None:
    page = Page(render(record(question=HOSTILE, answer=HOSTILE, route=HOSTILE)))
    assert "script" not in page.tags
    assert not any(name.startswith("on") for name, _ in page.attributes)
    assert HOSTILE in page.text


def test_charts_say_in_words_what_they_draw() -> None:
    assert "upload: 60 ms" in Page(render(record())).text


def test_a_strategy_without_an_answer_is_shown_as_failed() -> None:
    text = Page(render(record())).text
    assert "upload: no answer" in text
    assert "1 failed" in text


def test_a_report_replaces_an_earlier_one_whole(tmp_path: Path) -> None:
    folder = tmp_path / "demo"
    write(record(), folder)
    (folder / "scene-99.png").write_bytes(PNG)
    page = write(record(), folder)
    assert page.read_text(encoding="utf-8").startswith("<!doctype html>")
    assert sorted(file.name for file in folder.iterdir()) == ["report.html", "scene-00.png"]
    assert [entry.name for entry in tmp_path.iterdir()] == ["demo"]


def test_a_folder_with_other_files_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("years of work")
    with pytest.raises(RequestError, match="another folder"):
        write(record(), tmp_path)
    assert (tmp_path / "thesis.txt").exists()


def test_a_place_that_cannot_be_written_is_refused_before_anything_is_measured(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(RequestError, match="--output"):
        check(tmp_path / "file" / "demo", None)
    with pytest.raises(RequestError, match="--json"):
        check(tmp_path / "demo", tmp_path / "file" / "demo.json")


def test_figures_are_of_answered_requests_and_failures_are_counted_apart() -> None:
    one = asked()
    outcomes = [
        Outcome(one, "split", "red", bytes_up=100, milliseconds=10),
        Outcome(one, "split", "blue", bytes_up=300, milliseconds=30),
        Outcome(one, "split", failure="lost", milliseconds=9000),
    ]
    assert Summary.of("split", outcomes) == Summary("split", 3, 2, 1, 200, 20, 30)


@pytest.mark.parametrize(("part", "value"), [(0.05, 1), (0.5, 10), (0.95, 19), (1.0, 20)])
def test_a_percentile_is_a_value_that_was_measured(part: float, value: float) -> None:
    assert nearest_rank(list(range(1, 21)), part) == value


def test_the_story_of_a_killed_cloud_names_what_was_lost() -> None:
    assert story(record().links[1]) == (
        "The cloud was killed half way. The orchestrator answered 1 of 1, 1 right, half of them in 5 ms: "
        "1 "
        "by local. "
        "Not answered: upload 1."
    )


def test_time_is_divided_between_device_network_and_cloud() -> None:
    stages = {
        "preprocess": 1.0,
        "head": 4.0,
        "network": 20.0,
        "decode": 1.0,
        "tail": 2.0,
        "first_token": 3.0,
        "generate": 4.0,
    }
    sent = Outcome(asked(), "split", "red", milliseconds=36.0, stages=stages)
    assert (sent.device, sent.network, sent.cloud) == (6.0, 20.0, 10.0)
    here = Outcome(
        asked(), "local", "red", milliseconds=9.0, stages={"head": 4.0, "first_token": 3.0, "generate": 2.0}
    )
    assert (here.device, here.network, here.cloud) == (9.0, 0.0, 0.0)


@pytest.mark.parametrize("width", [80, 160])
def test_no_column_is_lost_on_a_narrow_terminal(width: int) -> None:
    console = Console(width=width, file=io.StringIO(), record=True)
    show(console, record())
    text = console.export_text()
    assert all(
        word in text
        for word in ("question", "right: red", "failed", "JPEG", "2000", "device", "cloud", "total")
    )
    assert all(len(line) <= width for line in text.splitlines())
