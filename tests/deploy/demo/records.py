"""Records with plain values."""

from bench.rig.outcomes import Outcome, VisualQuestion
from deploy.demo.record import LinkRun, Record
from edge.policy.explain import COLUMNS

PNG = b"\x89PNG\r\n\x1a\n"


def visual_question(question: str = "what color is the star?", expected: str = "red") -> VisualQuestion:
    return VisualQuestion("scene-00", PNG, "colour", question, expected, 2000)


def arm(name: str, ms: float, why: str) -> tuple[str, ...]:
    """What a decision tells of an arm."""
    return name, f"{ms:.1f}", "100", "0.10", "94.0%", why, "1.0", "2.0", "3.0", "4.0"


def record(question: str = "what color is the star?", answer: str = "red", route: str = "local") -> Record:
    one = visual_question(question)
    remote = Outcome(
        one,
        "auto-remote",
        answer,
        route="split@vision.2",
        bytes_up=300,
        milliseconds=40.0,
        verdicts={"split@vision.2": "chosen", "local": "rule no-local", "upload@jpeg-75": question},
    )
    outcomes = [
        Outcome(one, "local", answer, route="local", milliseconds=4.0, stages={"head": 2.0}),
        Outcome(one, "upload", answer, route="upload@jpeg-75", bytes_up=2100, milliseconds=60.0),
        Outcome(one, "auto", answer, route=route, milliseconds=5.0),
        remote,
    ]
    lost = [
        Outcome(one, "upload", failure="the cloud did not answer"),
        Outcome(one, "auto", answer, route="local", milliseconds=5.0),
        Outcome(one, "auto-remote", failure=f"{question} did not answer (at all (really)); start it"),
    ]
    arms = (
        arm("split@vision.2", 40, "chosen"),
        arm("local", 5, "rule no-local"),
        arm(question, 60, question),
    )
    links = [
        LinkRun("good link", "50 Mbit/s", outcomes, COLUMNS, arms),
        LinkRun("cloud killed", "", lost, killed=True),
    ]
    return Record("nano", 93.0, {"machine": question}, links)
