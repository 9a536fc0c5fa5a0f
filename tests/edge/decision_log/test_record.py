"""What a line of the log holds, and what it does not."""

import json

import numpy as np
import pytest

from edge.decision_log.record import Record, record_of
from edge.requests.orchestrator import Orchestrator
from protos.arms.rules import Rules
from protos.bundle import Bundle
from protos.costs.estimates import LinkEstimate
from protos.costs.profile import DeviceProfile
from protos.costs.weights import Weights
from tests.edge.decision_log.records import record

QUESTION = "what color is the secret circle?"


def test_a_record_is_read_as_it_was_written() -> None:
    one = record(deadline_ms=300.0, trial=True, link={"mean_ms": 3.5})
    line = one.line()
    assert line.endswith("}\n")
    assert line.count("\n") == 1
    assert Record.parse(line) == one


def test_an_answer_becomes_a_line_without_its_question_and_its_text(bundle: Bundle) -> None:
    device = Orchestrator(bundle, None, DeviceProfile.from_bundle(bundle))
    picture, rules = np.zeros((64, 64, 3), np.uint8), Rules(deadline_ms=9000.0)
    answer = device.answer(picture, QUESTION, rules)
    link = LinkEstimate.steady(1e6, 50.0)
    one = record_of(answer, bundle.digest, rules, Weights(), link, wall=0.0)
    assert Record.parse(one.line()) == Record.parse(one.line())
    assert (one.chosen.arm, one.route, one.others, one.at) == (
        "local",
        "local",
        (),
        "1970-01-01T00:00:00.000+00:00",
    )
    assert one.real["total_ms"] == answer.stages["total"]
    assert one.real["joules"] == answer.joules > 0
    assert one.link["mean_ms"] == pytest.approx(50 + 80)
    assert answer.text
    assert answer.text not in one.line()
    assert "secret" not in one.line()


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("format", 2),
        ("chosen", {}),
        ("others", [3]),
        ("route", None),
        ("trial", "yes"),
        ("promised", "0.9"),
        ("deadline_ms", True),
        ("real", {"head": None}),
        ("weights", {"millisecond": float("nan")}),
        ("more", 1),
    ],
)
def test_what_is_no_record_is_refused(field: str, value: object) -> None:
    fields = json.loads(record().line())
    fields[field] = value
    with pytest.raises((ValueError, TypeError, KeyError, AttributeError)):
        Record.parse(json.dumps(fields))
