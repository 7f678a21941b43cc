"""The state file: present objects in SQLite, one transaction per write.

The write-ahead log without a sync per commit: what was answered survives the death of the process,
though not necessarily that of the machine.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import msgspec

from kthena_sandbox.apiserver.storage import CollectionKey, Key, Record

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

    Raises OSError where it cannot be opened or another server has it.
    """
    path.touch(mode=0o600, exist_ok=True)
    with closing(sqlite3.connect(path, timeout=2)) as connection:
        try:
            connection.execute("PRAGMA locking_mode=EXCLUSIVE")
            connection.execute("PRAGMA journal_mode=WAL")
            connection.execute("PRAGMA synchronous=NORMAL")
            connection.executescript(_SCHEMA)
        except sqlite3.Error as error:
            raise OSError(f"cannot open the state file {path}: {error}") from error
        yield SqliteJournal(connection)
