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


def test_a_file_that_is_no_state_file_is_refused_and_kept(tmp_path: Path) -> None:
    content = b"something else entirely" * 100
    (tmp_path / "state").write_bytes(content)
    with (
        pytest.raises(OSError, match=r"cannot open the state file .*: it is something else"),
        open_journal(tmp_path / "state"),
    ):
        pass
    assert (tmp_path / "state").read_bytes() == content


def test_only_one_server_at_a_time_has_the_file(tmp_path: Path) -> None:
    with (
        open_journal(tmp_path / "state"),
        pytest.raises(OSError, match=r"cannot open the state file .*: another sandbox uses it"),
        open_journal(tmp_path / "state"),
    ):
        pass


def _filled(path: Path, objects: int) -> None:
    with open_journal(path) as journal:
        store = Store(journal=journal)
        for number in range(objects):
            name = f"a{number}"
            store.put(MAPS, Key("", name), {"metadata": {"name": name}, "data": {"x": "y" * 2000}})


@pytest.mark.parametrize("lost", [1, 100, 4200, 20_000])
def test_a_write_that_was_cut_off_costs_nothing_but_itself(tmp_path: Path, lost: int) -> None:
    path = tmp_path / "state"
    with open_journal(path) as journal:
        store = Store(journal=journal)
        for number in range(20):
            store.put(MAPS, Key("", f"a{number}"), {"metadata": {"name": "a"}, "data": {"x": "y"}})
        cut = tmp_path / "cut"
        cut.write_bytes(
            path.read_bytes()
        )  # as a killed server leaves it: what counts is in the log
        log = path.with_name("state-wal").read_bytes()
        cut.with_name("cut-wal").write_bytes(log[:-lost])
    with open_journal(cut) as journal:
        kept = [record.key.name for record in journal.records()]
    assert 20 > len(kept) >= 19 - lost // 4000
    assert sorted(kept) == sorted(f"a{number}" for number in range(len(kept)))


def test_a_damaged_file_is_put_aside(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = tmp_path / "state"
    _filled(path, 20)
    damaged = path.read_bytes()[:10_000]
    path.write_bytes(damaged)
    with open_journal(path) as journal:
        assert list(journal.records()) == []
    assert path.with_name("state.damaged-1").read_bytes() == damaged
    assert path.stat().st_mode & 0o777 == 0o600
    assert "is damaged: it is now" in caplog.text
