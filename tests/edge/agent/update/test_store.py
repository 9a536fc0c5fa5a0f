"""What was fetched is kept by its digest, and for the bundle that it took the place of."""

from pathlib import Path

import pytest

from edge.agent.config.reading import settings_of
from edge.agent.settings.update import UpdateSettings
from edge.agent.update.store import BundleStore
from protos.bundle import Bundle
from protos.errors import BundleDamaged, BundleError
from tests.edge.agent.update.archives import another, packed

OWN = "0" * 64


def update(**fields: str) -> UpdateSettings:
    found = settings_of({"update": {"url": "https://host/bundle.tar", "digest": "1" * 64} | fields}).update
    assert found
    return found


@pytest.fixture
def fetched(bundle_path: Path, tmp_path: Path) -> Bundle:
    """What was fetched; its archive lies in the store."""
    found = another(bundle_path, tmp_path / "another")
    archive = BundleStore(tmp_path / "store", update(), OWN).archive
    archive.parent.mkdir()
    archive.write_bytes(packed(found, tmp_path))
    return found


def test_what_has_answered_is_opened_again_until_the_settings_name_another(
    fetched: Bundle, tmp_path: Path
) -> None:
    store = BundleStore(tmp_path / "store", update(), OWN)
    store.tries(store.unpack(fetched.digest))
    assert BundleStore(tmp_path / "store", update(), OWN).confirmed() is None
    assert BundleStore(tmp_path / "store", update(), OWN).state.trial == fetched.digest
    store.confirms(fetched.digest)
    again = BundleStore(tmp_path / "store", update(), OWN).confirmed()
    assert again
    assert Bundle.open(again).digest == fetched.digest
    assert BundleStore(tmp_path / "store", update(), "2" * 64).confirmed() is None
    assert BundleStore(tmp_path / "store", update(digest=OWN), OWN).confirmed() is None


def test_another_than_the_one_wanted_is_refused_and_leaves_nothing(fetched: Bundle, tmp_path: Path) -> None:
    store = BundleStore(tmp_path / "store", update(), OWN)
    with pytest.raises(BundleDamaged, match=f"it holds bundle {fetched.digest[:12]}, not 111111111111"):
        store.unpack("1" * 64)
    assert not list((tmp_path / "store").iterdir())


def test_others_are_removed_once_one_has_answered(fetched: Bundle, tmp_path: Path) -> None:
    store = BundleStore(tmp_path / "store", update(), OWN)
    (tmp_path / "store" / ("3" * 64)).mkdir()
    store.unpack("")
    store.confirms(fetched.digest)
    kept = {path.name for path in (tmp_path / "store").iterdir()}
    assert kept == {fetched.digest, "state.json"}


def test_a_state_that_cannot_be_read_is_none(tmp_path: Path) -> None:
    (tmp_path / "state.json").write_text("{")
    assert BundleStore(tmp_path, update(), OWN).state.own == OWN


def test_a_disk_that_takes_nothing_keeps_a_bundle_from_being_tried_only(tmp_path: Path) -> None:
    (tmp_path / "store").write_text("no folder")
    store = BundleStore(tmp_path / "store", update(), OWN)
    with pytest.raises(BundleError, match=r"state\.json cannot be written"):
        store.tries("3" * 64)
    store.refuses()
    store.confirms("3" * 64)
    assert store.state.confirmed == ""
