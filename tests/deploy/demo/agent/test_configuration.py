import tomllib
from pathlib import Path

from deploy.demo.agent.camera import VIEWS
from deploy.demo.agent.configuration import Places, agent_toml, event_log
from edge.agent.config.reading import settings_of


def test_it_is_an_agents_configuration_wherever_things_lie(tmp_path: Path) -> None:
    folder = tmp_path / 'a "folder" of \\ mine'
    places = Places(tmp_path, folder, tmp_path, "127.0.0.1:7070", "http://127.0.0.1:1", 1883)
    settings = settings_of(tomllib.loads(agent_toml(places)))
    assert tuple(source.name for source in settings.source) == VIEWS
    assert settings.event_log
    assert settings.event_log.path == event_log(places)
    assert settings.event_log.path.parent == folder
