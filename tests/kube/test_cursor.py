from kthena_router.kube.cursor import Delete, Expired, Failed, Progress, Upsert, WatchCursor


def test_events_move_the_cursor() -> None:
    cursor = WatchCursor("1")

    added = cursor.read(b'{"type":"ADDED","object":{"metadata":{"resourceVersion":"5"}}}')

    assert isinstance(added, Upsert)
    assert "5" == cursor.version
    assert isinstance(
        cursor.read(b'{"type":"DELETED","object":{"metadata":{"resourceVersion":"6"}}}'), Delete
    )
    assert Progress() == cursor.read(
        b'{"type":"BOOKMARK","object":{"metadata":{"resourceVersion":"9"}}}'
    )
    assert "9" == cursor.version


def test_expired_history_is_told_from_other_errors() -> None:
    cursor = WatchCursor("1")

    assert Expired() == cursor.read(b'{"type":"ERROR","object":{"code":410}}')
    assert Failed("no") == cursor.read(b'{"type":"ERROR","object":{"code":500,"message":"no"}}')
    assert isinstance(cursor.read(b"nonsense"), Failed)
    assert isinstance(cursor.read(b'{"type":"NEW","object":{}}'), Failed)
    assert "1" == cursor.version
