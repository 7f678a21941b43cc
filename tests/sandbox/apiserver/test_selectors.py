import pytest

from kthena_sandbox.apiserver.errors import ApiError
from kthena_sandbox.apiserver.selectors import Selection, field_text, parse_fields, parse_labels
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


@pytest.mark.parametrize("selector", ["a=b=c", "a in b", "=b", "a,,b", "a in (b"])
def test_unreadable_label_selectors_are_bad_requests(selector: str) -> None:
    with pytest.raises(ApiError) as caught:
        parse_labels(selector)
    assert (caught.value.code, caught.value.reason) == (400, "BadRequest")


def test_field_selectors_compare_text() -> None:
    pod = {"metadata": {"name": "a"}, "spec": {"nodeName": "n"}, "status": {"phase": "Running"}}
    assert Selection(fields=parse_fields("spec.nodeName=n,status.phase!=Failed", POD)).matches(pod)
    assert not Selection(fields=parse_fields("metadata.name=b", POD)).matches(pod)
    assert Selection(fields=parse_fields("spec.nodeName=", POD)).matches({"metadata": {}})


def test_events_are_found_by_their_object_and_source() -> None:
    event = {
        "metadata": {},
        "involvedObject": {"kind": "Pod", "name": "p"},
        "source": {"component": "k"},
    }
    chosen = parse_fields("involvedObject.name=p,involvedObject.kind=Pod,source=k", EVENT)
    assert Selection(fields=chosen).matches(event)
    assert field_text(event, "reportingComponent") == "k"


def test_unknown_fields_are_refused_in_the_words_of_the_kind() -> None:
    with pytest.raises(ApiError, match=r"^field label not supported: spec\.foo$"):
        parse_fields("spec.foo=1", POD)
    known = r'^"data" is not a known field selector: only "metadata.name", "metadata.namespace"$'
    with pytest.raises(ApiError, match=known):
        parse_fields("data=1", MAP)
