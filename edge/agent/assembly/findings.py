"""What an agent would find if it were started now, without starting it."""

from collections.abc import Callable
from pathlib import Path

from onnxruntime import get_available_providers

from edge import config
from edge.agent.assembly.models import key_of
from edge.agent.broker.fleet_access import FleetAccess
from edge.agent.config.settings import AgentSettings
from edge.agent.settings.cloud import CloudSettings
from edge.models.providers import providers
from protos import bundle_pb2 as pb
from protos.errors import IsthmusError


def findings(settings: AgentSettings) -> list[str]:
    """What is missing, a line each: the bundle, folders, devices, credentials. Nothing is asked for over a
    network.
    """
    found = [f"bundle: {words}" for words in _raised(lambda: key_of(settings))]
    if settings.provider:
        found += [f"provider: {words}" for words in _raised(lambda: _provider(settings.provider))]
    for cloud in settings.clouds:
        which = f"cloud {cloud.name or cloud.address}" if len(settings.clouds) > 1 else "cloud"
        found += [f"{which}: {words}" for words in _cloud(cloud)]
    if isinstance(fleet := settings.fleet, FleetAccess):
        absent = _missing(fleet.ca, fleet.client_cert, fleet.client_key, fleet.password_file)
        cache = _raised(lambda: config.fleet_file(*settings.owner))
        access = fleet.access
        found += [f"fleet: {words}" for words in absent or (_raised(access.password) + _raised(access.tls))]
        found += [f"fleet: {words}" for words in cache]
    if update := settings.update:
        found += [f"update: {words}" for words in _missing(update.ca, update.token_file)]
    for source in settings.source:
        if source.enabled and (missing := source.missing()):
            found.append(f"source {source.name}: {missing}")
    return found


def _provider(name: str) -> None:
    """Raises RequestError for one that this onnxruntime has not."""
    providers(name, get_available_providers(), pb.Precision(), None)


def _cloud(cloud: CloudSettings) -> list[str]:
    absent = _missing(cloud.ca, cloud.client_cert, cloud.client_key, cloud.token_file)
    return _raised(cloud.peer) + absent


def _missing(*files: Path | None) -> list[str]:
    return [
        f"there is no file {path}; put it there, or name another"
        for path in files
        if path is not None and not path.is_file()
    ]


def _raised(check: Callable[[], object]) -> list[str]:
    try:
        check()
    except IsthmusError as error:
        return [str(error)]
    return []
