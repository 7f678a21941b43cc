import pytest

from kthena_sandbox.schema.formats import is_of_format


@pytest.mark.parametrize(
    ("name", "good", "bad"),
    [
        ("date-time", "2026-01-02T03:04:05.123Z", "2026-01-02"),
        ("date-time", "2026-01-02T03:04:05+01:00", "2026-13-02T03:04:05Z"),
        ("date", "2026-02-28", "2026-02-30"),
        ("duration", "1h30m", "soon"),
        ("ipv4", "10.0.0.1", "10.0.0"),
        ("ipv6", "::1", "10.0.0.1"),
        ("cidr", "10.0.0.0/8", "10.0.0.0"),
        ("hostname", "a.example.com", "-a"),
        ("email", "a@example.com", "a"),
        ("uuid", "123e4567-e89b-12d3-a456-426614174000", "1"),
        ("byte", "aGk=", "a"),
        ("uri", "http://example.com/x", "example"),
        ("mac", "00:11:22:33:44:55", "00:11"),
    ],
)
def test_formats(name: str, good: str, bad: str) -> None:
    assert is_of_format(good, name)
    assert not is_of_format(bad, name)


def test_unknown_formats_are_ignored() -> None:
    assert is_of_format("x", "int32")
