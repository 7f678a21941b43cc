"""Stands between a router and the API server: notes each request, cuts connections, and can be away."""

import re
import selectors
import socket
import struct
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import httptools

SECONDS_IN_A_ROW = 3
RESET = struct.pack("ii", 1, 0)  # linger for no time


@dataclass(frozen=True)
class Noted:
    """A request, or an attempt to make one that found nobody; *at* is on the monotonic clock."""

    at: float
    method: str
    target: str


@dataclass
class ApiProxy:
    """`target` may be away too: then a connection is closed as soon as it is made."""

    target: tuple[str, int]
    listener: socket.socket
    noted: list[Noted] = field(default_factory=list)
    away: bool = False
    flowing: threading.Event = field(default_factory=threading.Event)  # cleared: no byte passes
    _pairs: set["_Pair"] = field(default_factory=set)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def port(self) -> int:
        return int(self.listener.getsockname()[1])

    @property
    def connections(self) -> int:
        """Return how many are open."""
        with self._lock:
            return len(self._pairs)

    def cut(self) -> None:
        """Reset every connection."""
        with self._lock:
            pairs = list(self._pairs)
        for pair in pairs:
            pair.cut()

    def go_away(self) -> None:
        """Reset every connection, and each new one as soon as it is made."""
        self.away = True
        self.cut()

    def come_back(self) -> None:
        self.away = False

    def freeze(self) -> None:
        """Pass no byte any more, while connections stay open and new ones are accepted."""
        self.flowing.clear()

    def highest_rate(self, since: float, until: float = float("inf")) -> float:
        """Return how many requests came per second, in those seconds in a row with the most of them.

        They are some, because what is sent in one second may be seen in the next where the machine is busy.
        """
        times = [one.at for one in self.noted if since <= one.at <= until]
        in_a_row = (
            sum(start <= one < start + SECONDS_IN_A_ROW for one in times) for start in times
        )
        return max(in_a_row, default=0) / SECONDS_IN_A_ROW

    def listed(self, plural: str, since: float) -> bool:
        """Return whether a collection was listed, rather than watched."""
        return any(
            one.at >= since and f"/{plural}?" in one.target and "watch=" not in one.target
            for one in self.noted
        )

    def serve(self) -> None:
        """Run until the listener is shut down."""
        with suppress(OSError):
            while True:
                client, _ = self.listener.accept()
                threading.Thread(target=self._join, args=(client,), daemon=True).start()

    def _join(self, client: socket.socket) -> None:
        try:
            if self.away:
                raise ConnectionRefusedError
            server = socket.create_connection(self.target, timeout=60)
        except OSError:
            self.noted.append(Noted(time.monotonic(), "", ""))
            _reset(client)
            return
        pair = _Pair(client, server, self)
        with self._lock:
            self._pairs.add(pair)
        pair.run()
        with self._lock:
            self._pairs.discard(pair)


class _Pair:
    """Two connections whose bytes go from one to the other."""

    def __init__(self, client: socket.socket, server: socket.socket, proxy: ApiProxy) -> None:
        self._sockets = (client, server)
        self._parser = httptools.HttpRequestParser(self)
        self._noted = proxy.noted
        self._flowing = proxy.flowing
        self._cut = False

    def on_url(self, url: bytes) -> None:
        """Called by the parser."""
        method = self._parser.get_method().decode()
        self._noted.append(Noted(time.monotonic(), method, url.decode()))

    def cut(self) -> None:
        self._cut = True
        for one in self._sockets:
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)  # wakes `run`

    def run(self) -> None:
        """Pass bytes on until one side ends."""
        client, server = self._sockets
        with selectors.DefaultSelector() as selector, suppress(OSError):
            selector.register(client, selectors.EVENT_READ, server)
            selector.register(server, selectors.EVENT_READ, client)
            while not self._cut:
                for key, _ in selector.select():
                    source = client if key.data is server else server
                    data = source.recv(65536)
                    if not data:
                        raise ConnectionResetError
                    if source is client:
                        self._parser.feed_data(data)
                    self._flowing.wait()
                    key.data.sendall(data)
        for one in self._sockets:
            _reset(one)


def _reset(one: socket.socket) -> None:
    with suppress(OSError):
        one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
    one.close()


@contextmanager
def open_proxy(target: tuple[str, int]) -> Iterator[ApiProxy]:
    """Serve on a free port of 127.0.0.1 until the block ends."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        proxy = ApiProxy(target, listener)
        proxy.flowing.set()
        thread = threading.Thread(target=proxy.serve)
        thread.start()
        try:
            yield proxy
        finally:
            proxy.flowing.set()
            proxy.go_away()
            listener.shutdown(socket.SHUT_RDWR)
            thread.join(5)


@contextmanager
def open_api_proxy(kubeconfig: Path) -> Iterator[tuple[ApiProxy, Path]]:
    """Stand before the server of *kubeconfig*; the path is that of a kubeconfig that leads through the proxy."""
    text = kubeconfig.read_text()
    [(url, host, port)] = re.findall(r"(http://([0-9.]+):([0-9]+))", text)
    with open_proxy((host, int(port))) as proxy:
        leading = kubeconfig.with_name("kubeconfig-proxy")
        leading.write_text(text.replace(url, f"http://127.0.0.1:{proxy.port}"))
        yield proxy, leading
