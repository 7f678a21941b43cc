from pathlib import Path

import pytest

from kthena_sandbox.apiserver.journal import open_journal
from kthena_sandbox.apiserver.storage import CollectionKey, Key, Store

MAPS = CollectionKey("", "configmaps")
A, B = Key("default", "a"), Key("default", "b")


def test_objects_and_revision_survive(tmp_path: Path) -> None:
    with open_journal(tmp_path / "state") as journal:
        store = Store(journal=journal)
        kept = store.put(MAPS, A, {"metadata": {"name": "a"}, "data": {"x": "ü"}})
        store.put(MAPS, B, {"metadata": {"name": "b"}})
        store.delete(MAPS, B)
    with open_journal(tmp_path / "state") as journal:
        again = Store(revision=journal.revision(), records=journal.records(), journal=journal)
        assert again.revision == 4
        assert again.collection(MAPS).documents == {A: kept}


def test_state_file_is_for_its_owner_only(tmp_path: Path) -> None:
    with open_journal(tmp_path / "state"):
        assert (tmp_path / "state").stat().st_mode & 0o777 == 0o600


def test_a_file_that_is_no_state_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "state").write_bytes(b"something else entirely" * 100)
    with (
        pytest.raises(OSError, match="cannot open the state file"),
        open_journal(tmp_path / "state"),
    ):
        pass
