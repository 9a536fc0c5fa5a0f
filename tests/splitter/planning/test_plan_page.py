from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from protos import bundle_pb2 as pb
from protos.errors import RequestError
from protos.pages.document import document
from protos.pages.markup import join
from splitter.planning.colours import drawn
from splitter.planning.page import foremost_options, page, save
from splitter.planning.plan import Plan
from tests.pages import HOSTILE, checked
from tests.splitter.planning.plans import MANIFEST, made, measured


def markup(plan: Plan, model: str = "nano") -> str:
    return document(page(plan, model), join(()))


def test_the_page_keeps_the_rules_of_every_page() -> None:
    checked(markup(made(deadline=500.0)))


def test_the_page_escapes_what_the_bundle_says() -> None:
    assert HOSTILE in checked(markup(made(), HOSTILE)).text


def test_the_pictures_are_well_formed_and_name_every_drawn_choice() -> None:
    planned = made(deadline=500.0)
    pictures = [part.split("</svg>")[0] + "</svg>" for part in markup(planned).split("<svg")[1:]]
    assert len(pictures) == 2
    for picture in pictures:
        words = {element.text for element in ET.fromstring("<svg" + picture).iter("text")}
        assert {option.name for option in drawn(planned)} <= words


def test_the_recommendation_stands_first() -> None:
    text = markup(made())
    assert text.index("Take split@connector/int8-zstd") < text.index("<section")


def test_the_rows_that_matter_come_first_and_the_rest_is_folded() -> None:
    held, found = pb.Manifest(), measured()
    held.CopyFrom(MANIFEST)
    for level in range(1, 9):
        held.cuts[1].codecs.add(name=f"fitted-{level}")
        taken = pb.MeasuredCodec(encode_milliseconds=1, mean_bytes=2_000, accuracy=94.0)
        found.cuts["connector"].codecs[f"fitted-{level}"].MergeFrom(taken)
    planned = made(found=found, held=held)
    shown = [option.name for option in foremost_options(planned)]
    assert shown == ["split@connector/int8-zstd", "upload@jpeg-75", "local", "upload@webp-15"]
    assert shown[0] == planned.recommended.name
    costs = markup(planned).partition("What each choice costs")[2]
    first, _, folded = costs.partition("<details>")
    assert "fitted-8" not in first
    assert "fitted-8" in folded.replace("<wbr>", "")


def test_the_page_is_written_and_called_a_plan(tmp_path: Path) -> None:
    save(tmp_path / "new" / "plan.html", made(), "nano")
    assert 'content="Plan"' in (tmp_path / "new" / "plan.html").read_text()
    (tmp_path / "taken").mkdir()
    with pytest.raises(RequestError, match="is a folder; give the name of a file"):
        save(tmp_path / "taken", made(), "nano")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["new", "taken"]


def test_where_the_device_answers_first_the_curve_is_drawn() -> None:
    planned = made()
    assert "Where the device asks the cloud" not in markup(planned)
    found = pb.Measurements()
    found.CopyFrom(measured())
    for share in (0.0, 0.3, 1.0):
        found.local.calibration.cascades.add(
            escalated=share, accuracy=80 + share, accuracy_low=79, accuracy_high=82, kept=0.9
        )
    text = checked(markup(replace(planned, measured=found))).text
    assert "Where the device asks the cloud" in text
    assert "30% escalated: 80.3% (79.0-82.0); 90.0% of the device's answers agree" in text
