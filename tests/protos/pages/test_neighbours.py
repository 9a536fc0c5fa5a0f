from pathlib import Path

import pytest

from protos.errors import RequestError
from protos.pages.document import Page
from protos.pages.neighbours import neighbours, save
from tests.pages import checked


def links(file: Path) -> dict[str, str]:
    """Where each link of a page leads; checked: to files that are there."""
    page = checked(file.read_text(encoding="utf-8"))
    targets = page.values("href")
    assert all((file.parent / target).exists() for target in targets)
    return {attributes["href"]: attributes.get("aria-current", "") for attributes in page.all("a")}


def test_pages_in_one_folder_are_linked_both_ways(tmp_path: Path) -> None:
    save(tmp_path / "plan.html", Page("Plan", "A plan", []))
    assert 'hidden=""' in (tmp_path / "plan.html").read_text()
    save(tmp_path / "codec.html", Page("Codecs", "Codecs", []))
    assert links(tmp_path / "plan.html") == {"./codec.html": "", "./plan.html": "page"}
    assert links(tmp_path / "codec.html") == {"./codec.html": "page", "./plan.html": ""}
    assert 'hidden=""' not in (tmp_path / "plan.html").read_text()


def test_several_of_a_kind_are_told_apart_by_their_files(tmp_path: Path) -> None:
    for name in ("lte.html", "wifi.html"):
        save(tmp_path / name, Page("Plan", "A plan", []))
    assert "Plan (wifi.html)" in (tmp_path / "lte.html").read_text()


def test_files_that_are_no_pages_of_ours_are_left_alone(tmp_path: Path) -> None:
    (tmp_path / "mine.html").write_text("<nav >mine</nav>")
    (tmp_path / "bytes.html").write_bytes(b"\xff\xfe")
    (tmp_path / "folder.html").mkdir()
    (tmp_path / "gone.html").symlink_to("nowhere")
    save(tmp_path / "plan.html", Page("Plan", "A plan", []))
    assert neighbours(tmp_path) == {"plan.html": "Plan"}
    assert (tmp_path / "mine.html").read_text() == "<nav >mine</nav>"


def test_a_neighbour_with_a_hostile_name_is_a_file_all_the_same(tmp_path: Path) -> None:
    name = 'javascript:alert("x")&.html'
    save(tmp_path / name, Page("Plan", "A plan", []))
    save(tmp_path / "codec.html", Page("Codecs", "Codecs", []))
    page = checked((tmp_path / "codec.html").read_text())
    assert "./javascript%3Aalert%28%22x%22%29%26.html" in page.values("href")


def test_a_neighbour_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "taken.html").mkdir()
    with pytest.raises(RequestError, match="choose another place"):
        save(tmp_path / "taken.html", Page("Plan", "A plan", []))
    assert [path.name for path in tmp_path.iterdir()] == ["taken.html"]
