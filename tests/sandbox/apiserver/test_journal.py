import sqlite3
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import trio
import trio.testing

from kthena_sandbox.apiserver.journal import open_journal
from kthena_sandbox.apiserver.storage import CollectionKey, Expired, Key, Store

MAPS = CollectionKey("", "configmaps")
A, B = Key("default", "a"), Key("default", "b")


@asynccontextmanager
async def _opened(path: Path) -> AsyncIterator[Store]:
    """A store whose writes are kept when the block ends."""
    with open_journal(path) as journal:
        store = Store(revision=journal.kept, compacted=journal.compacted,
                      entries=journal.entries(), journal=journal)  # fmt: skip
        async with trio.open_nursery() as nursery:
            nursery.start_soon(journal.run)
            yield store
            await store.settled()
            nursery.cancel_scope.cancel()


def _map(number: int = 0) -> dict[str, object]:
    return {"metadata": {"name": "a"}, "data": {"x": str(number)}}


async def test_objects_and_revision_survive(tmp_path: Path) -> None:
    async with _opened(tmp_path / "state") as store:
        kept = store.put(MAPS, A, {"metadata": {"name": "a"}, "data": {"x": "ü"}})
        store.put(MAPS, B, {"metadata": {"name": "b"}})
        store.delete(MAPS, B)
    async with _opened(tmp_path / "state") as again:
        assert again.revision == 4
        assert again.collection(MAPS).documents == {A: kept}


async def test_watches_resume_after_a_restart(tmp_path: Path) -> None:
    async with _opened(tmp_path / "state") as store:
        for number in range(3):
            store.put(MAPS, A, _map(number))
        store.delete(MAPS, A)
        maps = store.collection(MAPS)
        assert maps.since(maps.position(2), 10)[0] == []  # nothing is told before it is kept
        await store.settled()
        changes, _ = maps.since(maps.position(2), 10)
        assert [change.revision for change in changes] == [3, 4, 5]
    async with _opened(tmp_path / "state") as again:
        maps = again.collection(MAPS)
        assert maps.since(maps.position(2), 10)[0] == changes


async def test_what_was_compacted_is_not_in_the_file(tmp_path: Path) -> None:
    async with _opened(tmp_path / "state") as store:
        for number in range(5):
            store.put(MAPS, A, _map(number))
        store.put(MAPS, B, _map())
        store.delete(MAPS, B)
        assert store.compact() == 8
    with open_journal(tmp_path / "state") as journal:
        assert [(entry.revision, entry.key) for entry in journal.entries()] == [(6, A)]
    async with _opened(tmp_path / "state") as again:
        assert again.revision == 8
        with pytest.raises(Expired):
            again.collection(MAPS).position(7)
        assert again.collection(MAPS).position(8) == 0


async def test_the_log_is_compacted_before_it_grows_too_long(tmp_path: Path) -> None:
    async with _opened(tmp_path / "state") as store:
        store.put(MAPS, B, _map())
        for number in range(9000):
            store.put(MAPS, A, _map(number))
    with open_journal(tmp_path / "state") as journal:
        entries = list(journal.entries())
        assert (entries[0].revision, entries[0].key) == (2, B)
        assert [entry.revision for entry in entries[1:]] == list(range(5002, 9003))
        assert journal.compacted == 5002


async def test_a_group_waits_for_its_commit(tmp_path: Path) -> None:
    with open_journal(tmp_path / "state") as journal:
        store = Store(journal=journal)
        store.put(MAPS, A, _map())
        async with trio.open_nursery() as nursery:
            nursery.start_soon(store.settled)
            await trio.testing.wait_all_tasks_blocked()
            assert journal.kept == 1
            running = await nursery.start(_run, journal.run)
            await store.settled()
            assert journal.kept == 2
            running.cancel()


async def _run(
    run: Callable[[], Awaitable[None]], task_status: trio.TaskStatus[trio.CancelScope]
) -> None:
    with trio.CancelScope() as scope:
        task_status.started(scope)
        await run()


async def test_what_cannot_be_kept_is_an_error_for_all_who_wait(tmp_path: Path) -> None:
    with open_journal(tmp_path / "state") as journal:
        store = Store(journal=journal)
        store.put(MAPS, A, _map())
        store.revision = 1  # the same revision twice cannot be written
        store.put(MAPS, A, _map())
        with pytest.raises(OSError, match="cannot write the state file: UNIQUE constraint"):
            await journal.run()
        with pytest.raises(OSError, match="cannot write the state file: UNIQUE constraint"):
            await store.settled()


def test_a_file_of_another_version_is_refused_and_kept(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "state") as other:
        other.execute("CREATE TABLE objects (name TEXT)")
    other.close()
    with (
        pytest.raises(OSError, match=r"the state file .*: another version of the sandbox made it"),
        open_journal(tmp_path / "state"),
    ):
        pass


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


@pytest.mark.parametrize("lost", [1, 100, 4200, 20_000])
async def test_a_write_that_was_cut_off_costs_nothing_but_itself(tmp_path: Path, lost: int) -> None:
    path, cut = tmp_path / "state", tmp_path / "cut"
    async with _opened(path) as store:
        for number in range(20):
            store.put(MAPS, Key("", f"a{number}"), _map())
            await store.settled()
        # as a killed server leaves it: what counts is in the log
        cut.write_bytes(path.read_bytes())
        cut.with_name("cut-wal").write_bytes(path.with_name("state-wal").read_bytes()[:-lost])
    with open_journal(cut) as journal:
        kept = [entry.key.name for entry in journal.entries()]
    assert 20 > len(kept) >= 19 - lost // 4000
    assert kept == [f"a{number}" for number in range(len(kept))]


async def test_a_damaged_file_is_put_aside(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "state"
    async with _opened(path) as store:
        for number in range(20):
            store.put(MAPS, Key("", f"a{number}"), _map() | {"data": {"x": "y" * 2000}})
    damaged = path.read_bytes()[:10_000]
    path.write_bytes(damaged)
    with open_journal(path) as journal:
        assert list(journal.entries()) == []
    assert path.with_name("state.damaged-1").read_bytes() == damaged
    assert path.stat().st_mode & 0o777 == 0o600
    assert "is damaged: it is now" in caplog.text
