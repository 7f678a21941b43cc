import pytest

from kthena_sandbox.apiserver.auth.identity import User, split_account
from kthena_sandbox.apiserver.auth.rules import Attributes, allows, compact, missing

ALICE = User("alice")
PODS = {"apiGroups": [""], "resources": ["pods"], "verbs": ["get", "list"]}


def _wanted(verb: str, resource: str, name: str = "", group: str = "") -> Attributes:
    resource, _, subresource = resource.partition("/")
    return Attributes(ALICE, verb, group, "v1", resource, subresource, "default", name)


@pytest.mark.parametrize(
    ("rule", "wanted", "allowed"),
    [
        (PODS, _wanted("get", "pods", "a"), True),
        (PODS, _wanted("delete", "pods", "a"), False),
        (PODS, _wanted("get", "pods/log", "a"), False),
        (PODS, _wanted("get", "pods", group="apps"), False),
        (PODS | {"resources": ["pods/log"]}, _wanted("get", "pods/log"), True),
        (PODS | {"resources": ["*/log"]}, _wanted("get", "pods/log"), True),
        (PODS | {"resources": ["*/log"]}, _wanted("get", "pods"), False),
        (PODS | {"resources": ["*"]}, _wanted("get", "pods/log"), True),
        (PODS | {"resourceNames": ["a"]}, _wanted("get", "pods", "a"), True),
        (PODS | {"resourceNames": ["a"]}, _wanted("get", "pods", "b"), False),
        (PODS | {"resourceNames": ["a"]}, _wanted("list", "pods"), False),
        (PODS | {"verbs": ["*"], "apiGroups": ["*"]}, _wanted("eat", "pods", group="x"), True),
        (PODS, Attributes(ALICE, "get", path="/healthz"), False),
        ({"nonResourceURLs": ["/a/*"], "verbs": ["get"]}, Attributes(ALICE, "get", path="/a/b"), True),
        ({"nonResourceURLs": ["/a"], "verbs": ["get"]}, Attributes(ALICE, "get", path="/a/b"), False),
        ({"nonResourceURLs": ["*"], "verbs": ["*"]}, Attributes(ALICE, "post", path="/x"), True),
    ],
)  # fmt: skip
def test_what_a_rule_allows(rule: dict[str, list[str]], wanted: Attributes, allowed: bool) -> None:
    assert allows(rule, wanted) is allowed


def test_what_is_missing_is_told_compactly() -> None:
    wanted = [
        PODS | {"verbs": ["get", "delete", "patch"]},
        {"nonResourceURLs": ["/x"], "verbs": ["get"]},
    ]
    assert [compact(rule) for rule in missing([PODS], wanted)] == [
        '{APIGroups:[""], Resources:["pods"], Verbs:["delete" "patch"]}',
        '{NonResourceURLs:["/x"], Verbs:["get"]}',
    ]


def test_who_has_all_misses_nothing() -> None:
    full = [{"apiGroups": ["*"], "resources": ["*"], "verbs": ["*"]}]
    named = PODS | {"resourceNames": ["a"]}
    assert missing(full, [PODS, named]) == []
    assert missing([named], [PODS]) != []
    assert missing([named], [named]) == []
    scaled = {"apiGroups": ["apps"], "resources": ["deployments/scale"], "verbs": ["get"]}
    assert missing([scaled | {"resources": ["*/scale"]}], [scaled]) == []


def test_names_of_service_accounts() -> None:
    assert split_account("system:serviceaccount:ns:name") == ("ns", "name")
    for other in ("alice", "system:serviceaccount:ns", "system:serviceaccount:a:b:c"):
        assert split_account(other) is None
