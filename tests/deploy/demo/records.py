"""Records with plain values."""

from bench.rig.outcomes import Outcome, VisualQuestion
from deploy.demo.record import LinkRun, Record

PNG = b"\x89PNG\r\n\x1a\n"


def visual_question(question: str = "what color is the star?", expected: str = "red") -> VisualQuestion:
    return VisualQuestion("scene-00", PNG, "colour", question, expected, 2000)


def record(question: str = "what color is the star?", answer: str = "red", route: str = "local") -> Record:
    one = visual_question(question)
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
