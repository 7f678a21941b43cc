"""The field `model` of a form, among files and other fields."""

import time

import pytest
from hypothesis import given, strategies as st

from kthena_router.wire.body import TooComplex
from kthena_router.wire.multipart import boundary_of, field_spans


def part(disposition: bytes, content: bytes, *others: bytes) -> bytes:
    lines = [b"Content-Disposition: form-data; " + disposition, *others]
    return b"--B\r\n" + b"\r\n".join(lines) + b"\r\n\r\n" + content + b"\r\n"


MODEL = part(b'name="model"', b"m-1")
FILE = part(b'name="file"; filename="a.wav"', b"RIFF\r\n\r\n\x00", b"Content-Type: audio/wav")
END = b"--B--\r\n"


def found(body: bytes, boundary: bytes = b"B") -> list[bytes]:
    return [body[start:end] for start, end in field_spans(body, boundary, "model")]


@pytest.mark.parametrize(
    ("content_type", "boundary"),
    [
        ("multipart/form-data; boundary=abc", b"abc"),
        ("multipart/form-data;boundary=abc;charset=utf-8", b"abc"),
        ('multipart/form-data; charset=utf-8; BOUNDARY="a b/c=d"', b"a b/c=d"),
        ("multipart/form-data; xboundary=no; boundary=yes;", b"yes"),
        ('multipart/form-data; note="; boundary=no"; boundary=yes', b"yes"),
        ("multipart/form-data", None),
        ("multipart/form-data; boundary=", None),
        ('multipart/form-data; boundary=""', None),
        ("multipart/form-data; boundary=" + "x" * 71, None),
        ('multipart/form-data; boundary="abc', None),
    ],
)
def test_boundary_of_a_content_type(content_type: str, boundary: bytes | None) -> None:
    assert boundary == boundary_of(content_type)


@pytest.mark.parametrize(
    "body",
    [
        MODEL + END,
        MODEL + FILE + END,
        FILE + MODEL + END,
        b"a preamble with --B in it\r\n" + FILE + MODEL + END + b"an epilogue\r\n" + MODEL,
        FILE + part(b"name=model", b"m-1") + END,
        FILE + part(b'NAME="model"', b"m-1", b"Content-Type: text/plain") + END,
        MODEL.replace(b"--B\r\n", b"--B \t\r\n") + END[:-2],
        MODEL.replace(b"Content-Disposition", b"content-disposition") + END,
        part(b'name="x"', b"") + MODEL + END,
    ],
)
def test_field_is_found(body: bytes) -> None:
    assert [b"m-1"] == found(body)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        END,
        FILE + END,
        END + MODEL,
        MODEL,  # not ended
        b"--B\r\n" * 3 + END,
        part(b'name="model"; filename="x"', b"m-1") + END,
        part(b"name=\"model\"; filename*=utf-8''x", b"m-1") + END,
        part(b'name="file"; filename="a; name=model"', b"m-1") + END,
        part(b'name="file"; filename="a\\"; name=\\"model"', b"m-1") + END,
        part(b'xname="model"', b"m-1") + END,
        part(b'name="models"', b"m-1") + END,
        part(b'name="file"', b'--B; name="model"\r\n--Bx\r\nname="model"\r\n\r\nm-1') + END,
        part(b'name="x"', b"m-1", b"X: content-disposition: form-data; name=model") + END,
        part(b'name="x"', b"m-1", b'Content-Disposition: form-data; name="model"') + END,
        part(b'name="x"' + b" " * 9000, b"m-1") + MODEL + END,
        MODEL.replace(b"form-data", b"attachment") + END,
        MODEL.replace(b"\r\n", b"\n") + END,
    ],
)
def test_what_is_not_the_field_is_not_found(body: bytes) -> None:
    assert [] == found(body)


def test_field_that_stands_twice_is_found_twice() -> None:
    assert [b"m-1", b"m-2"] == found(MODEL + FILE + part(b'name="model"', b"m-2") + END)


def test_field_may_be_empty_or_hold_line_ends() -> None:
    assert [b"", b"\r\na\r\n"] == found(
        part(b'name="model"', b"") + part(b'name="model"', b"\r\na\r\n") + END
    )


def test_form_of_too_many_parts_is_refused() -> None:
    assert [b"m-1"] == found(part(b'name="x"', b"1") * 999 + MODEL + END)
    with pytest.raises(TooComplex, match="1000 parts"):
        found(part(b'name="x"', b"1") * 1000 + MODEL + END)


@pytest.mark.parametrize(
    "body",
    [
        part(b'name="file"; filename="x"', b"\x00" * (32 << 20)) + MODEL + END,
        part(b'name="file"; filename="x"', b"\r\n-" * (10 << 20)) + MODEL + END,
        b"--B\r\n" * (6 << 20) + END,
        part(b'name="x"' + b";" * (32 << 20), b"") + END,
    ],
    ids=["zeros", "near misses", "bare delimiters", "one long head"],
)
def test_large_forms_are_searched_in_linear_time(body: bytes) -> None:
    began = time.process_time()
    found(body)
    assert time.process_time() - began < 5.0  # 0.02 s; anything quadratic would take hours


@given(st.lists(st.tuples(st.sampled_from([b"model", b"file", b"x"]), st.binary(max_size=20))))
def test_values_are_found_as_they_were_written(fields: list[tuple[bytes, bytes]]) -> None:
    fields = [(name, value) for name, value in fields if b"--B" not in value]
    body = b"".join(part(b'name="%b"' % name, value) for name, value in fields) + END
    assert [value for name, value in fields if name == b"model"] == found(body)
