from dataclasses import replace

from deploy.demo.agent.part import agent_section
from deploy.demo.page import page
from protos.pages.document import document
from protos.pages.markup import join
from tests.deploy.demo.agent.records import seen
from tests.deploy.demo.records import record
from tests.pages import HOSTILE, checked


def test_the_report_shows_it_and_hostile_text_stays_text() -> None:
    markup = document(page(replace(record(), agent=seen(HOSTILE))), join(()))
    assert HOSTILE in checked(markup).text
    assert "An agent, day and night" in markup


def test_what_was_asked_over_the_api_is_judged() -> None:
    assert "how many squares are there? 1 (right), local, 20 ms" in agent_section(seen())
    assert "2 (not 1)" in agent_section(seen("2"))


def test_what_it_did_not_do_stands_first() -> None:
    assert "It did not do all: no event began." in agent_section(replace(seen(), events=()))
