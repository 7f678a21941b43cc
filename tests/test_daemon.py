import uuid

from kthena_router.daemon import new_request_id


def test_request_ids_are_random_uuids() -> None:
    made = {new_request_id() for _ in range(1000)}

    assert 1000 == len(made)
    for one in made:
        read = uuid.UUID(one)
        assert (4, uuid.RFC_4122, one) == (read.version, read.variant, str(read))
