from dataclasses import replace

import pytest

from kthena_sandbox.apiserver.errors import ApiError
from kthena_sandbox.apiserver.labelselectors import parse_labels
from kthena_sandbox.apiserver.selectors import Selection, check_fields, field_text, parse_fields
from kthena_sandbox.resources import ResourceType

POD = ResourceType("", "v1", "Pod", "pods", "pod", namespaced=True, list_kind="PodList")
MAP = ResourceType("", "v1", "ConfigMap", "configmaps", "configmap", True, "ConfigMapList")
EVENT = ResourceType("", "v1", "Event", "events", "event", namespaced=True, list_kind="EventList")


@pytest.mark.parametrize(
    ("selector", "labels", "matches"),
    [
        ("a=b", {"a": "b"}, True),
        ("a==b", {"a": "c"}, False),
        ("a=b", {}, False),
        ("a!=b", {}, True),
        ("a!=b", {"a": "b"}, False),
        ("a in (b, c),d", {"a": "c", "d": ""}, True),
        ("a in (b,c)", {}, False),
        ("a notin (b,c)", {}, True),
        ("a notin (b,c)", {"a": "b"}, False),
        ("!a", {}, True),
        ("!a", {"a": ""}, False),
        ("example.com/a=b,c", {"example.com/a": "b", "c": "d"}, True),
        ("a>3", {"a": "4"}, True),
        ("a<3", {"a": "4"}, False),
        ("a>3", {"a": "x"}, False),
        ("a=", {"a": ""}, True),
        ("", {}, True),
    ],
)
def test_label_selectors(selector: str, labels: dict[str, str], matches: bool) -> None:
    selected = Selection(labels=parse_labels(selector))
    assert selected.matches({"metadata": {"labels": labels}}) is matches


_NAME_RULE = (
    "must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric "
    "character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is "
    "'([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')"
)
_VALUE_RULE = (
    "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start "
    "and end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for validation "
    "is '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')"
)
_REQUIREMENT = "unable to parse requirement: "


# What a kube-apiserver 1.34 answered.
@pytest.mark.parametrize(
    ("selector", "why"),
    [
        ("a b", _REQUIREMENT + "found 'b', expected: in, notin, =, ==, !=, gt, lt"),
        ("a!b", _REQUIREMENT + "found '!', expected: in, notin, =, ==, !=, gt, lt"),
        ("a gt 1", _REQUIREMENT + "found 'gt', expected: in, notin, =, ==, !=, gt, lt"),
        ("a in (", _REQUIREMENT + "found '', expected: ',', ')' or identifier"),
        ("a in (b", _REQUIREMENT + "found '', expected: ',' or ')'"),
        ("a in (b c)", _REQUIREMENT + "found 'c', expected: ',' or ')'"),
        ("a in b", _REQUIREMENT + "found 'b' expected: '('"),
        ("a notin", _REQUIREMENT + "found '' expected: '('"),
        ("!", _REQUIREMENT + "found '', expected: identifier"),
        ("!!a", _REQUIREMENT + "found '!', expected: identifier"),
        ("a=(b)", _REQUIREMENT + "found '(', expected: identifier"),
        ("=x", "found '=', expected: !, identifier, or 'end of string'"),
        (",a", "found ',', expected: !, identifier, or 'end of string'"),
        ("!a=b", "found '=', expected: ',' or 'end of string'"),
        ("a=b=c", "found '=', expected: ',' or 'end of string'"),
        ("a in (b) c", "found 'c', expected: ',' or 'end of string'"),
        ("a,,b", "found ',', expected: identifier after ','"),
        ("a,", "found '', expected: identifier after ','"),
        ("a>x", _REQUIREMENT + "values[0]: Invalid value: \"x\": for 'Gt', 'Lt' operators, the value must be an integer"),
        ("-a", _REQUIREMENT + f'<nil>: Invalid value: "-a": name part {_NAME_RULE}'),
        ("x/", _REQUIREMENT + f'<nil>: Invalid value: "x/": name part must be non-empty; name part {_NAME_RULE}'),
        ("a/b/c", _REQUIREMENT + f'<nil>: Invalid value: "a/b/c": a qualified name {_NAME_RULE} '
         "with an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName')"),
        ("a=-x,b=-y", _REQUIREMENT + f'values[0][a]: Invalid value: "-x": {_VALUE_RULE}'),
        ("a in (x,-y)", _REQUIREMENT + f'values[0][a]: Invalid value: "-y": {_VALUE_RULE}'),
        ("a=" + "x" * 64, _REQUIREMENT + f'values[0][a]: Invalid value: "{"x" * 64}": must be no more than 63 characters'),
    ],
)  # fmt: skip
def test_unreadable_label_selectors_are_refused_in_the_words_of_kubernetes(
    selector: str, why: str
) -> None:
    with pytest.raises(ApiError) as caught:
        parse_labels(selector)
    assert (caught.value.code, caught.value.reason, caught.value.message) == (
        400, "BadRequest", why,
    )  # fmt: skip


@pytest.mark.parametrize(
    "selector", ["a in ()", "a in (,)", "a in (b,)", "in in (in)", "a = in", "a=,b"]
)
def test_values_may_be_empty_or_look_like_operators(selector: str) -> None:
    assert parse_labels(selector)


@pytest.mark.parametrize(
    ("selector", "why"),
    [
        ("foo", "invalid selector: 'foo'; can't understand 'foo'"),
        (r"metadata.name=a\b", r"invalid field selector: invalid escape sequence: \b"),
        ("metadata.name=a=b", "invalid field selector: unescaped character in value: 61"),
    ],
)
def test_unreadable_field_selectors_are_refused(selector: str, why: str) -> None:
    with pytest.raises(ApiError) as caught:
        parse_fields(selector)
    assert (caught.value.code, caught.value.message) == (400, why)


def test_backslash_takes_the_meaning_from_commas_and_equals_signs() -> None:
    (chosen,) = parse_fields(r"metadata.name=a\,b\=c\\")
    assert chosen.value == "a,b=c\\"


def test_field_selectors_compare_text() -> None:
    pod = {"metadata": {"name": "a"}, "spec": {"nodeName": "n"}, "status": {"phase": "Running"}}
    assert Selection(fields=parse_fields("spec.nodeName=n,status.phase!=Failed")).matches(pod)
    assert not Selection(fields=parse_fields("metadata.name=b")).matches(pod)
    assert Selection(fields=parse_fields("spec.nodeName=")).matches({"metadata": {}})


def test_events_are_found_by_their_object_and_source() -> None:
    event = {
        "metadata": {},
        "involvedObject": {"kind": "Pod", "name": "p"},
        "source": {"component": "k"},
    }
    chosen = parse_fields("involvedObject.name=p,involvedObject.kind=Pod,source=k")
    assert Selection(fields=chosen).matches(event)
    assert field_text(event, "reportingComponent") == "k"


def test_unknown_fields_are_refused_in_the_words_of_the_kind() -> None:
    with pytest.raises(ApiError, match=r"^field label not supported: spec\.foo$"):
        check_fields(parse_fields("spec.foo=1"), POD)
    known = r'^"data" is not a known field selector: only "metadata.name", "metadata.namespace"$'
    with pytest.raises(ApiError, match=known):
        check_fields(parse_fields("data=1"), MAP)


def test_events_of_the_new_group_are_selected_by_its_names() -> None:
    event = {
        "regarding": {"kind": "Pod", "name": "p"},
        "reportingController": "k",
    }
    new = replace(EVENT, group="events.k8s.io")
    chosen = parse_fields("regarding.name=p,regarding.kind=Pod,reportingController=k")
    check_fields(chosen, new)
    assert all(requirement.matches(event) for requirement in chosen)
    old = {"deprecatedSource": {"component": "s"}, "reportingController": ""}
    assert field_text(old, "reportingController") == "s"
    for name in ("source", "reportingComponent", "involvedObject.name"):
        with pytest.raises(ApiError) as caught:
            check_fields(parse_fields(f"{name}=x"), new)
        assert caught.value.message == f"field label not supported: {name}"
