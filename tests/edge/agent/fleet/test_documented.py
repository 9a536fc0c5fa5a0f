"""What docs/fleet.md says is so."""

import json
import re
import tomllib

from edge.agent.broker.fleet_access import FleetAccess
from edge.agent.config.reading import settings_of
from edge.agent.fleet.overlay import overlaid
from protos import fleet_pb2 as pb
from protos.fleet.bounds import violations
from protos.fleet.messages import from_json
from tests.house import ROOT

TEXT = (ROOT / "docs" / "fleet.md").read_text("utf-8")


def test_its_file_is_a_configuration_and_its_wish_goes_with_it() -> None:
    (file,) = re.findall(r"```toml\n(.*?)```", TEXT, re.DOTALL)
    settings = settings_of(tomllib.loads(file))
    assert isinstance(settings.fleet, FleetAccess)
    assert settings.owner == ("plant-7", "gate-3")
    (wish,) = re.findall(r"-m '(.*?)'", TEXT, re.DOTALL)
    desired = from_json(pb.Desired, json.dumps(json.loads(wish)).encode())
    assert violations(desired.settings) == []
    assert overlaid(settings, desired.settings).rules.cuts == ("vision.4",)


def test_it_names_every_reason_of_a_refusal_and_every_job() -> None:
    for reason in pb.Refusal.Reason.keys()[1:]:
        assert f"`{reason}`" in TEXT
    for task in pb.Job.DESCRIPTOR.oneofs_by_name["task"].fields:
        assert f"`{task.name}`" in TEXT
