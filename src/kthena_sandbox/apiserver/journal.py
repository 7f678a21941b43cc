"""The state file: present objects in SQLite, one transaction per write.

The write-ahead log without a sync per commit: what was answered survives the death of the process,
though not necessarily that of the machine.
"""

import logging
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from itertools import count
from pathlib import Path

import msgspec

from kthena_sandbox.apiserver.storage import CollectionKey, Key, Record

_LOG = logging.getLogger(__name__)
_SCHEMA = """
CREATE TABLE IF NOT EXISTS objects (
  api_group TEXT, plural TEXT, namespace TEXT, name TEXT, document BLOB NOT NULL,
  PRIMARY KEY (api_group, plural, namespace, name)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS latest (id INTEGER PRIMARY KEY CHECK (id = 1), revision INTEGER NOT NULL);
INSERT OR IGNORE INTO latest VALUES (1, 0);
"""
_PUT = "INSERT OR REPLACE INTO objects VALUES (?, ?, ?, ?, ?)"
_DELETE = "DELETE FROM objects WHERE api_group = ? AND plural = ? AND namespace = ? AND name = ?"


class SqliteJournal:
    """A `storage.Journal` over an open connection."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def revision(self) -> int:
        """The last revision written, 0 for a new file."""
        (revision,) = self._connection.execute("SELECT revision FROM latest").fetchone()
        return int(revision)

    def records(self) -> Iterator[Record]:
        """All stored objects."""
        query = "SELECT api_group, plural, namespace, name, document FROM objects"
        for group, plural, namespace, name, document in self._connection.execute(query):
            decoded = msgspec.json.decode(document)
            yield Record(CollectionKey(group, plural), Key(namespace, name), decoded)

    def write(self, revision: int, record: Record, *, deleted: bool) -> None:
        """Write one change; raises OSError when the file cannot take it."""
        place = (*record.collection, *record.key)
        try:
            with self._connection:
                if deleted:
                    self._connection.execute(_DELETE, place)
                else:
                    document = msgspec.json.encode(record.document)
                    self._connection.execute(_PUT, (*place, document))
                self._connection.execute("UPDATE latest SET revision = ?", (revision,))
        except sqlite3.Error as error:
            raise OSError(f"cannot write the state file: {error}") from error


@contextmanager
def open_journal(path: Path) -> Iterator[SqliteJournal]:
    """Open or create the state file (mode 0600, since it holds Secrets); one process at a time.

    A write that was cut off is undone by SQLite. A file that is damaged beyond that is put aside, so that it does not
    stop the start. Raises OSError where it cannot be opened, is something else, or another server has it.
    """
    try:
        path.touch(mode=0o600, exist_ok=True)
    except OSError as error:
        raise OSError(f"cannot open the state file {path}: {error.strerror}") from error
    with closing(_opened_or_replaced(path)) as connection:
        yield SqliteJournal(connection)


def _opened_or_replaced(path: Path) -> sqlite3.Connection:
    try:
        return _opened(path)
    except sqlite3.Error as error:
        if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_CORRUPT:
            raise OSError(_refusal(path, error)) from error
    aside = _put_aside(path)
    _LOG.warning("the state file %s is damaged: it is now %s, and a new one is begun", path, aside)
    path.touch(mode=0o600)
    return _opened(path)


def _refusal(path: Path, error: sqlite3.Error) -> str:
    known = {
        sqlite3.SQLITE_NOTADB: "it is something else",
        sqlite3.SQLITE_BUSY: "another sandbox uses it",
        sqlite3.SQLITE_READONLY: "it may not be written",
    }
    why = known.get(error.sqlite_errorcode & 0xFF, str(error))
    return f"cannot open the state file {path}: {why}"


def _opened(path: Path) -> sqlite3.Connection:
    """Raises sqlite3.Error."""
    connection = sqlite3.connect(path, timeout=2)
    try:
        connection.execute("PRAGMA locking_mode=EXCLUSIVE")
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=NORMAL")
        connection.executescript(_SCHEMA)
        _check(connection)
    except sqlite3.Error:
        connection.close()
        raise
    return connection


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
