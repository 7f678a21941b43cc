"""The state file: a log of all writes in SQLite, by revision, from which superseded ones are compacted away.

Writes are taken up at once and committed in groups by one thread, in order: a commit is a sync of the
write-ahead log, and what has come during one is the group of the next. Nothing is answered before it is kept
(`storage.Store.settled`), so what was answered survives the death of the process and of the machine.
"""

import logging
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from itertools import chain, count
from pathlib import Path

import msgspec
import trio

from kthena_sandbox.apiserver.storage import Change, CollectionKey, Entry, Key

_LOG = logging.getLogger(__name__)
_FORMAT = 2
_SCHEMA = """
CREATE TABLE IF NOT EXISTS log (
  revision INTEGER PRIMARY KEY, api_group TEXT, plural TEXT, namespace TEXT, name TEXT, document BLOB);
CREATE INDEX IF NOT EXISTS log_by_object ON log (api_group, plural, namespace, name, revision);
CREATE TABLE IF NOT EXISTS latest (
  id INTEGER PRIMARY KEY CHECK (id = 1), revision INTEGER NOT NULL, compacted INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS authority (id INTEGER PRIMARY KEY CHECK (id = 1), secrets BLOB NOT NULL);
"""
# One statement for many rows, since each one is a turn of the interpreter's lock, for which the server competes.
_MOST_ROWS = 64
_ROW = "(?, ?, ?, ?, ?, ?)"
_APPEND = ["INSERT INTO log VALUES " + ", ".join([_ROW] * rows) for rows in range(_MOST_ROWS + 1)]  # noqa: S608  constants
# What the log cannot tell: its compacted revision, and the latest one when that was a deletion and is compacted away.
_REACHED = "INSERT OR REPLACE INTO latest VALUES (1, ?, ?)"
# What a later write up to the compacted revision has superseded, then deletions, which supersede nothing any more.
_SUPERSEDED = """
DELETE FROM log WHERE revision IN (
  SELECT older.revision FROM log AS newer JOIN log AS older USING (api_group, plural, namespace, name)
  WHERE newer.revision > :before AND newer.revision <= :to AND older.revision < newer.revision)
"""
_DELETIONS = "DELETE FROM log WHERE document IS NULL AND revision > :before AND revision <= :to"
# 4,000 changes are there for watches to resume after a restart. A compaction takes 30 ms with 10,000 objects.
_KEPT = 4000
_LONGEST = 2 * _KEPT
Row = tuple[int, str, str, str, str, bytes | None]


def _nobody() -> None:
    """Whom nobody has subscribed to has nobody to tell."""


class SqliteJournal:
    """A `storage.Journal` over an open connection. Changes are kept while `run` runs. Raises OSError."""

    def __init__(self, connection: sqlite3.Connection, first: int) -> None:
        with _transaction(connection):
            connection.execute("INSERT OR IGNORE INTO latest VALUES (1, ?, ?)", (first, first))
        noted, compacted = connection.execute("SELECT revision, compacted FROM latest").fetchone()
        (logged,) = connection.execute("SELECT max(revision) FROM log").fetchone()
        self._connection = connection
        self.kept = max(noted, logged or 0)
        self.compacted: int = compacted
        self._pending: list[Row] = []
        self._compact_to = self.compacted
        self._arrived = trio.Event()
        self._under_way = self.kept
        self._now_kept, self._next_kept = trio.Event(), trio.Event()
        self._tell: Callable[[], None] = _nobody
        self._failure: OSError | None = None

    def secrets(self, make: Callable[[], bytes]) -> bytes:
        """What the cluster's authority has kept here, made at the first time. Raises OSError."""
        found = self._connection.execute("SELECT secrets FROM authority").fetchone()
        if found is not None:
            return bytes(found[0])
        made = make()
        with _transaction(self._connection):
            self._connection.execute("INSERT INTO authority VALUES (1, ?)", (made,))
        return made

    def entries(self) -> Iterator[Entry]:
        """The log in the order of revisions."""
        query = "SELECT * FROM log ORDER BY revision"
        decode = msgspec.json.Decoder().decode
        for revision, group, plural, namespace, name, document in self._connection.execute(query):
            decoded = None if document is None else decode(document)
            yield Entry(revision, CollectionKey(group, plural), Key(namespace, name), decoded)

    def append(self, collection: CollectionKey, change: Change) -> None:
        """Take a change up for the next commit."""
        document = None if change.after is None else change.encoded
        self._pending.append((change.revision, *collection, *change.key, document))
        self._arrived.set()

    def compact(self, revision: int) -> None:
        """Forget what was superseded up to *revision*, with the next commit."""
        self._compact_to = max(self._compact_to, revision)
        self._arrived.set()

    def subscribe(self, tell: Callable[[], None]) -> None:
        """Call *tell* when more is kept."""
        self._tell = tell

    async def wait_kept(self, revision: int) -> None:
        """Return when the changes up to *revision* are committed; raises OSError when they cannot be."""
        while self.kept < revision:
            if self._failure is not None:
                raise OSError(*self._failure.args)
            group = self._now_kept if revision <= self._under_way else self._next_kept
            await group.wait()

    async def run(self) -> None:
        """Commit what comes, until cancelled; raises OSError when the file cannot take it."""
        try:
            while True:
                await self._arrived.wait()
                self._arrived = trio.Event()
                rows, self._pending = self._pending, []
                reached = rows[-1][0] if rows else self.kept
                floor = self._floor(reached)
                self._under_way = reached
                self._now_kept, self._next_kept = self._next_kept, trio.Event()
                await trio.to_thread.run_sync(self._commit, rows, reached, floor)
                self.kept, self.compacted = reached, floor
                self._now_kept.set()
                self._tell()
        except OSError as error:
            self._failure = error
            raise
        finally:
            self._now_kept.set()
            self._next_kept.set()

    def _floor(self, reached: int) -> int:
        asked = max(self._compact_to, self.compacted)
        return reached - _KEPT if reached - asked > _LONGEST else min(asked, reached)

    def _commit(self, rows: list[Row], reached: int, floor: int) -> None:
        with _transaction(self._connection):
            for start in range(0, len(rows), _MOST_ROWS):
                batch = rows[start : start + _MOST_ROWS]
                self._connection.execute(_APPEND[len(batch)], [*chain.from_iterable(batch)])
            if floor > self.compacted:
                bounds = {"before": self.compacted, "to": floor}
                self._connection.execute(_SUPERSEDED, bounds)
                self._connection.execute(_DELETIONS, bounds)
                self._connection.execute(_REACHED, (reached, floor))


@contextmanager
def _transaction(connection: sqlite3.Connection) -> Iterator[None]:
    """Raises OSError where it cannot be committed."""
    try:
        with connection:
            yield
    except sqlite3.Error as error:
        raise OSError(f"cannot write the state file: {error}") from error


@contextmanager
def open_journal(path: Path, first: int = 1) -> Iterator[SqliteJournal]:
    """Open or create the state file (mode 0600, since it holds Secrets); one process at a time.

    The revisions of a new file begin at *first*.

    A write that was cut off is undone by SQLite. A file that is damaged beyond that is put aside, so that it does not
    stop the start. Raises OSError where it cannot be opened, is something else, or another server has it.
    """
    try:
        path.touch(mode=0o600, exist_ok=True)
    except OSError as error:
        raise OSError(f"cannot open the state file {path}: {error.strerror}") from error
    with closing(_opened_or_replaced(path)) as connection:
        yield SqliteJournal(connection, first)


def _opened_or_replaced(path: Path) -> sqlite3.Connection:
    try:
        return _opened(path)
    except sqlite3.Error as error:
        if _code(error) != sqlite3.SQLITE_CORRUPT:
            raise OSError(_refusal(path, error)) from error
    aside = _put_aside(path)
    _LOG.warning("the state file %s is damaged: it is now %s, and a new one is begun", path, aside)
    path.touch(mode=0o600)
    return _opened(path)


def _code(error: sqlite3.Error) -> int:
    return error.sqlite_errorcode & 0xFF  # the rest tells more of the same


def _refusal(path: Path, error: sqlite3.Error) -> str:
    known = {
        sqlite3.SQLITE_NOTADB: "it is something else",
        sqlite3.SQLITE_BUSY: "another sandbox uses it",
        sqlite3.SQLITE_READONLY: "it may not be written",
        sqlite3.SQLITE_MISMATCH: "another version of the sandbox made it",
    }
    why = known.get(_code(error), str(error))
    return f"cannot open the state file {path}: {why}"


def _opened(path: Path) -> sqlite3.Connection:
    """Raises sqlite3.Error."""
    connection = sqlite3.connect(path, timeout=2, check_same_thread=False)
    try:
        connection.execute("PRAGMA locking_mode=EXCLUSIVE")
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=FULL")
        _check(connection)
        _check_format(connection)
        connection.executescript(_SCHEMA)
    except sqlite3.Error:
        connection.close()
        raise
    return connection


def _check_format(connection: sqlite3.Connection) -> None:
    """Raises sqlite3.DatabaseError for tables that are not ours."""
    ((found,),) = connection.execute("PRAGMA user_version").fetchall()
    ((tables,),) = connection.execute("SELECT count(*) FROM sqlite_schema").fetchall()
    if tables and found != _FORMAT:
        error = sqlite3.DatabaseError(f"format {found}")
        error.sqlite_errorcode = sqlite3.SQLITE_MISMATCH
        raise error
    connection.execute(f"PRAGMA user_version = {_FORMAT}")


def _check(connection: sqlite3.Connection) -> None:
    """Read every page once, since damage would otherwise show later. Raises sqlite3.DatabaseError."""
    ((found,),) = connection.execute("PRAGMA quick_check(1)").fetchall()
    if found != "ok":
        error = sqlite3.DatabaseError(found)
        error.sqlite_errorcode = sqlite3.SQLITE_CORRUPT
        raise error


def _put_aside(path: Path) -> Path:
    """Rename the file and what belongs to it."""
    names = (path.with_name(f"{path.name}.damaged-{number}") for number in count(1))
    aside = next(name for name in names if not name.exists())
    for suffix in ("-wal", "-shm", ""):
        part = path.with_name(path.name + suffix)
        if part.exists():
            part.replace(aside.with_name(aside.name + suffix))
    return aside
