from dataclasses import replace

from deploy.demo.fleet.part import fleet_section
from deploy.demo.page import page
from protos.pages.document import document
from protos.pages.markup import join
from tests.deploy.demo.fleet.records import tuned
from tests.deploy.demo.records import record
from tests.pages import HOSTILE, checked


def test_the_report_shows_it_and_hostile_text_stays_text() -> None:
    markup = document(page(replace(record(), fleet=tuned(HOSTILE))), join(()))
    assert HOSTILE in checked(markup).text
    assert "A fleet, and its operator" in markup


def test_who_had_the_bad_cut_and_how_it_ended_stands_there() -> None:
    markup = fleet_section(tuned())
    assert "1 real, 1 simulated, on one MQTT broker" in markup
    assert "rolled back after 5 s: silent" in markup
    assert "simulated-00000; connector again 0.2 s after the end" in markup


def test_what_it_did_not_do_stands_first() -> None:
    assert "It did not do all: the bad rollout" in fleet_section(
        replace(tuned(), rollout=tuned().rollout[:1])
    )
