"""What the server has for an application: pieces of the request's body, and the news that the client left."""

from collections import deque

import trio

from kthena_router.listeners.asgi import Message


class Inbox:
    """The queue behind an application's `receive`; *capacity* counts pieces of at most 64 KiB.

    A full queue stops the reading from the client. The news of a disconnect never waits: the task that brings it may
    be the application's own, inside `send`.
    """

    def __init__(self, capacity: int) -> None:
        self._capacity = capacity
        self._messages: deque[Message] = deque()
        self.complete = False  # the whole body has come
        self._ended = False  # by the client's disconnect or by the application's return
        self._changed = trio.Event()

    async def put(self, message: Message) -> None:
        """Queue *message*, as soon as there is room for it; drop it when nobody will ask for it any more."""
        if message["type"] == "http.disconnect":
            self._end()
            return
        while len(self._messages) >= self._capacity and not self._ended:
            await self._changed.wait()
        if not self._ended:
            self.complete = not message.get("more_body", False)
            self._messages.append(message)
            self._wake()

    async def receive(self) -> Message:
        """Return the next message; `http.disconnect`, again and again, after the last one."""
        await trio.lowlevel.checkpoint_if_cancelled()
        while not self._messages:
            if self._ended:
                return {"type": "http.disconnect"}
            await self._changed.wait()
        message = self._messages.popleft()
        self._wake()
        return message

    def close(self) -> None:
        """The application has returned: nothing waits for room any more."""
        self._messages.clear()
        self._end()

    def _end(self) -> None:
        self._ended = True
        self._wake()

    def _wake(self) -> None:
        self._changed.set()
        self._changed = trio.Event()
