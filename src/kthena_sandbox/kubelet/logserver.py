"""Serves `/containerLogs/<namespace>/<pod>/<container>` as a kubelet does."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from kthena_sandbox.httpd.exchange import Exchange
from kthena_sandbox.kubelet.containers import Container
from kthena_sandbox.kubelet.logs import ContainerLog

FindContainer = Callable[[str, str, str], Container | None]
_PARTS = 5


@dataclass(frozen=True)
class LogOptions:
    """What of a log is wanted."""

    follow: bool = False
    previous: bool = False
    timestamps: bool = False
    tail: int | None = None
    since: datetime | None = None
    most_bytes: int | None = None


def read_options(query: Mapping[str, str], now: datetime) -> LogOptions:
    """The query of `pods/log`. Raises ValueError."""
    since = None
    if seconds := query.get("sinceSeconds"):
        since = now - timedelta(seconds=int(seconds))
    elif time := query.get("sinceTime"):
        since = datetime.fromisoformat(time)
    return LogOptions(
        follow=query.get("follow") in {"true", "1"},
        previous=query.get("previous") in {"true", "1"},
        timestamps=query.get("timestamps") in {"true", "1"},
        tail=int(query["tailLines"]) if query.get("tailLines") else None,
        since=since,
        most_bytes=int(query["limitBytes"]) if query.get("limitBytes") else None,
    )


def lines(log: ContainerLog, first: int, options: LogOptions) -> Iterator[bytes]:
    """The wanted lines from number *first* on."""
    for time, line in log.read(first):
        if options.since is None or time >= options.since:
            stamp = time.strftime("%Y-%m-%dT%H:%M:%S.%f000Z ") if options.timestamps else ""
            yield f"{stamp}{line}\n".encode()


class LogServer:
    """Answers for the logs of all containers that *find* finds."""

    def __init__(self, find: FindContainer, wall_clock: Callable[[], datetime]) -> None:
        self._find = find
        self._wall_clock = wall_clock

    async def handle(self, exchange: Exchange) -> None:
        """One request."""
        parts = exchange.request.path.split("/")
        if len(parts) != _PARTS or parts[1] != "containerLogs":
            await exchange.respond(404, b"404 page not found\n", "text/plain")
            return
        _, _, namespace, pod, name = parts
        container = self._find(namespace, pod, name)
        if container is None:
            text = f'pod "{pod}" in namespace "{namespace}" does not run on this node'
            await exchange.respond(404, text.encode(), "text/plain")
            return
        try:
            options = read_options(exchange.request.query, self._wall_clock())
            log = self._choose(container, options, pod)
        except ValueError as error:
            await exchange.respond(400, str(error).encode(), "text/plain")
            return
        await self._send(exchange, log, options)

    def _choose(self, container: Container, options: LogOptions, pod: str) -> ContainerLog:
        state = container.state
        if options.previous:
            if container.previous_log is None:
                raise ValueError(
                    f'previous terminated container "{state.name}" in pod "{pod}" not found'
                )
            return container.previous_log
        if state.running is None and state.ended is None and not state.restarts:
            why = (
                "trying and failing to pull image"
                if state.reason == "ErrImagePull"
                else state.reason
            )
            raise ValueError(f'container "{state.name}" in pod "{pod}" is waiting to start: {why}')
        return container.log

    async def _send(self, exchange: Exchange, log: ContainerLog, options: LogOptions) -> None:
        end = log.end
        first = 0 if options.tail is None else max(0, end - options.tail)
        content = b"".join(lines(log, first, options))
        if not options.follow:
            await exchange.respond(200, content[: options.most_bytes], "text/plain")
            return

        async def follow() -> None:
            await exchange.start(200, "text/plain")
            left = await _send_within(exchange, content, options.most_bytes)
            await self._follow(exchange, log, end, replace(options, most_bytes=left))
            await exchange.finish()

        await exchange.until_gone(follow)

    async def _follow(
        self, exchange: Exchange, log: ContainerLog, end: int, options: LogOptions
    ) -> None:
        left = options.most_bytes
        while left != 0:
            await log.wait_beyond(end)
            content = b"".join(lines(log, end, options))
            end = log.end
            left = await _send_within(exchange, content, left)
            if log.closed and log.end == end:
                return


async def _send_within(exchange: Exchange, content: bytes, most: int | None) -> int | None:
    """Send what fits; how much does after that, None without a limit."""
    sent = content[:most]
    if sent:
        await exchange.send(sent)
    return None if most is None else most - len(sent)
