from pathlib import Path

import pytest

from deploy.demo.output import check, write
from protos.errors import RequestError
from protos.pages.document import Page
from protos.pages.neighbours import save
from tests.deploy.demo.records import PNG, record
from tests.pages import checked


def test_a_report_replaces_an_earlier_one_whole(tmp_path: Path) -> None:
    folder = tmp_path / "demo"
    write(record(), folder)
    (folder / "scene-99.png").write_bytes(PNG)
    page = write(record(), folder)
    assert page.read_text(encoding="utf-8").startswith("<!doctype html>")
    assert sorted(file.name for file in folder.iterdir()) == ["report.html", "scene-00.png"]
    assert [entry.name for entry in tmp_path.iterdir()] == ["demo"]


def test_pages_that_lie_beside_stay_and_are_linked_both_ways(tmp_path: Path) -> None:
    save(tmp_path / "demo" / "plan.html", Page("Plan", "A plan", []), "plan")
    report = write(record(), tmp_path / "demo")
    plan = tmp_path / "demo" / "plan.html"
    for page in (report, plan):
        assert checked(page.read_text(encoding="utf-8")).values("href") == ["./report.html", "./plan.html"]


def test_a_folder_with_other_files_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("years of work")
    with pytest.raises(RequestError, match="another folder"):
        write(record(), tmp_path)
    assert (tmp_path / "thesis.txt").exists()


def test_a_place_that_cannot_be_written_is_refused_before_anything_is_measured(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(RequestError, match=r"file/demo cannot be written: .*file is a file"):
        check(tmp_path / "file" / "demo")
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


@pytest.mark.parametrize("held", ["scene-01.png", "report.html"])
def test_files_that_have_a_reports_names_and_are_the_users_are_left_alone(tmp_path: Path, held: str) -> None:
    (tmp_path / held).write_text("a drawing of mine")
    with pytest.raises(RequestError, match="another folder"):
        check(tmp_path)
    with pytest.raises(RequestError, match="another folder"):
        write(record(), tmp_path)
    assert (tmp_path / held).read_text() == "a drawing of mine"


def test_another_page_that_has_the_reports_name_is_left_alone(tmp_path: Path) -> None:
    save(tmp_path / "demo" / "report.html", Page("Plan", "A plan", []), "plan")
    with pytest.raises(RequestError, match="another folder"):
        write(record(), tmp_path / "demo")
    assert "A plan" in (tmp_path / "demo" / "report.html").read_text()
