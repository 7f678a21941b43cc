import pytest
import trio
import trio.testing

from kthena_router.listeners.asgi import Message
from kthena_router.listeners.inbox import Inbox

GONE: Message = {"type": "http.disconnect"}


def piece(body: bytes) -> Message:
    return {"type": "http.request", "body": body, "more_body": True}


async def test_pieces_come_in_order_and_the_disconnect_after_them() -> None:
    inbox = Inbox(10)
    for message in (piece(b"a"), piece(b"b"), GONE):
        await inbox.put(message)
    heard = [await inbox.receive() for _ in range(4)]
    assert heard == [piece(b"a"), piece(b"b"), GONE, GONE]


async def test_a_full_inbox_holds_the_sender_until_there_is_room(autojump_clock: object) -> None:
    inbox = Inbox(1)
    await inbox.put(piece(b"a"))
    async with trio.open_nursery() as nursery:
        nursery.start_soon(inbox.put, piece(b"b"))
        await trio.testing.wait_all_tasks_blocked()
        assert len(nursery.child_tasks) == 1
        assert await inbox.receive() == piece(b"a")
        await trio.testing.wait_all_tasks_blocked()
        assert len(nursery.child_tasks) == 0
    assert await inbox.receive() == piece(b"b")


async def test_a_disconnect_never_waits_for_room() -> None:
    inbox = Inbox(1)
    await inbox.put(piece(b"a"))
    with trio.fail_after(1):
        await inbox.put(GONE)


@pytest.mark.parametrize("end", ["close", "disconnect"])
async def test_a_sender_that_waits_is_released_by_the_end(end: str, autojump_clock: object) -> None:
    inbox = Inbox(1)
    await inbox.put(piece(b"a"))
    with trio.fail_after(1):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(inbox.put, piece(b"b"))
            await trio.testing.wait_all_tasks_blocked()
            if end == "close":
                inbox.close()
            else:
                await inbox.put(GONE)


async def test_a_receiver_that_waits_hears_of_the_disconnect(autojump_clock: object) -> None:
    inbox = Inbox(1)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(inbox.put, GONE)
        with trio.fail_after(1):
            assert await inbox.receive() == GONE


async def test_a_body_is_complete_with_its_last_piece() -> None:
    inbox = Inbox(10)
    await inbox.put(piece(b"a"))
    assert not inbox.complete
    await inbox.put({"type": "http.request", "body": b"", "more_body": False})
    assert inbox.complete
