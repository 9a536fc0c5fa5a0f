from pathlib import Path

import pytest

from protos.errors import RequestError
from protos.pages.document import Page
from protos.pages.neighbours import check, navigation, neighbours, save
from tests.pages import checked


def links(file: Path) -> dict[str, str]:
    """Where each link of a page leads; checked: to files that are there."""
    page = checked(file.read_text(encoding="utf-8"))
    targets = page.values("href")
    assert all((file.parent / target).exists() for target in targets)
    return {attributes["href"]: attributes.get("aria-current", "") for attributes in page.all("a")}


def test_pages_in_one_folder_are_linked_both_ways(tmp_path: Path) -> None:
    save(tmp_path / "plan.html", Page("Plan", "A plan", []), "plan")
    assert 'hidden=""' in (tmp_path / "plan.html").read_text()
    save(tmp_path / "codec.html", Page("Codecs", "Codecs", []), "bench codec")
    assert links(tmp_path / "plan.html") == {"./codec.html": "", "./plan.html": "page"}
    assert links(tmp_path / "codec.html") == {"./codec.html": "page", "./plan.html": ""}
    assert 'hidden=""' not in (tmp_path / "plan.html").read_text()


def test_several_of_a_kind_are_told_apart_by_their_files(tmp_path: Path) -> None:
    for name in ("lte.html", "wifi.html"):
        save(tmp_path / name, Page("Plan", "A plan", []), "plan")
    assert "Plan (wifi.html)" in (tmp_path / "lte.html").read_text()


def test_files_that_are_no_pages_of_ours_are_left_alone(tmp_path: Path) -> None:
    (tmp_path / "mine.html").write_text("<nav >mine</nav>")
    (tmp_path / "bytes.html").write_bytes(b"\xff\xfe")
    (tmp_path / "folder.html").mkdir()
    (tmp_path / "gone.html").symlink_to("nowhere")
    save(tmp_path / "plan.html", Page("Plan", "A plan", []), "plan")
    assert neighbours(tmp_path) == {"plan.html": "Plan"}
    assert (tmp_path / "mine.html").read_text() == "<nav >mine</nav>"


def test_a_neighbour_with_a_hostile_name_is_a_file_all_the_same(tmp_path: Path) -> None:
    name = 'javascript:alert("x")&.html'
    save(tmp_path / name, Page("Plan", "A plan", []), "plan")
    save(tmp_path / "codec.html", Page("Codecs", "Codecs", []), "bench codec")
    page = checked((tmp_path / "codec.html").read_text())
    assert "./javascript%3Aalert%28%22x%22%29%26.html" in page.values("href")


def test_a_neighbour_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "taken.html").mkdir()
    with pytest.raises(RequestError, match="is a folder; give the name of a file"):
        save(tmp_path / "taken.html", Page("Plan", "A plan", []), "plan")
    assert [path.name for path in tmp_path.iterdir()] == ["taken.html"]


def test_a_page_takes_the_place_of_an_earlier_one_of_its_kind_and_of_nothing_else(tmp_path: Path) -> None:
    place = tmp_path / "page.html"
    for heading in ("Before", "After"):
        save(place, Page("Plan", heading, []), "plan")
    assert "After" in place.read_text()
    for command, kind in (("bench codec", "Codecs"), ("demo", "Demonstration")):
        with pytest.raises(RequestError, match=f"because isthmus {command} did not write it"):
            check(place, kind, command)
    mine = tmp_path / "mine.html"
    mine.write_text("<h1>mine</h1>")
    with pytest.raises(RequestError, match="give another name"):
        save(mine, Page("Plan", "A plan", []), "plan")
    assert mine.read_text() == "<h1>mine</h1>"


def test_a_name_that_is_not_utf8_is_linked_byte_for_byte() -> None:
    assert 'href="./caf%E9.html"' in str(navigation({"caf\udce9.html": "plan", "b.html": "demo"}, "b.html"))
