from pathlib import Path
from typing import Any

import pytest

from kthena_router.kube.access import Choice
from kthena_router.kube.kubeconfig import BadKubeconfig, read_kubeconfig, select


def document(**sections: Any) -> dict[str, Any]:
    """Return a kubeconfig; each section is given as names with what they stand for."""
    found: dict[str, Any] = {}
    for section, entries in sections.items():
        if section == "current":
            found["current-context"] = entries
        else:
            found[section] = [
                {"name": name, section.removesuffix("s"): body} for name, body in entries.items()
            ]
    return found


ONE = document(
    clusters={"c": {"server": "https://one"}},
    users={"u": {"token": "t1"}},
    contexts={"x": {"cluster": "c", "user": "u"}},
    current="x",
)


def test_current_context_is_followed_to_its_cluster_and_user() -> None:
    found = select([("/k/config", ONE)])

    assert {"server": "https://one"} == found.cluster
    assert {"token": "t1"} == found.user


def test_first_file_that_has_a_name_wins_with_all_it_says() -> None:
    other = document(
        clusters={"c": {"server": "https://two", "proxy-url": "http://p"}},
        users={"u": {"token": "t2"}, "v": {"token": "t3"}},
        contexts={"x": {"cluster": "c", "user": "v"}, "y": {"cluster": "c", "user": "v"}},
        current="y",
    )

    assert {"server": "https://one"} == select([("/a", ONE), ("/b", other)]).cluster
    assert {"token": "t1"} == select([("/a", ONE), ("/b", other)]).user
    assert {"token": "t3"} == select([("/b", other), ("/a", ONE)]).user


def test_files_complete_each_other() -> None:
    clusters = document(clusters={"c": {"server": "https://one"}})
    users = document(users={"u": {"token": "t1"}}, current="")
    contexts = document(contexts={"x": {"cluster": "c", "user": "u"}}, current="x")

    found = select([("/a", clusters), ("/b", users), ("/c", contexts), ("/d", None)])

    assert ("https://one", "t1") == (found.cluster["server"], found.user["token"])


def test_asked_for_context_is_taken() -> None:
    other = document(
        clusters={"d": {"server": "https://two"}}, contexts={"y": {"cluster": "d", "user": ""}}
    )

    assert "https://two" == select([("/a", ONE), ("/b", other)], "y").cluster["server"]


def test_only_context_need_not_be_named() -> None:
    assert "https://one" == select([("/a", ONE | {"current-context": None})]).cluster["server"]


def test_user_may_be_nobody() -> None:
    body = document(
        clusters={"c": {"server": "http://one"}}, contexts={"x": {"cluster": "c"}}, current="x"
    )
    named = body | document(users={"u": None}, contexts={"x": {"cluster": "c", "user": "u"}})

    assert {} == select([("/a", body | {"users": None})]).user
    assert {} == select([("/a", named)]).user


def test_paths_are_relative_to_the_file_they_stand_in() -> None:
    first = document(
        clusters={"c": {"server": "s", "certificate-authority": "ca.crt"}},
        contexts={"x": {"cluster": "c", "user": "u"}},
        current="x",
    )
    second = document(
        users={
            "u": {
                "client-certificate": "../tls.crt",
                "client-key": "/abs/tls.key",
                "tokenFile": "token",
                "exec": {"command": "./bin/plugin", "args": ["x"]},
            }
        }
    )
    found = select([("/one/config", first), ("/two/config", second)])

    assert "/one/ca.crt" == found.cluster["certificate-authority"]
    assert {
        "client-certificate": "/two/../tls.crt",
        "client-key": "/abs/tls.key",
        "tokenFile": "/two/token",
        "exec": {"command": "/two/bin/plugin", "args": ["x"]},
    } == found.user
    assert ("/one/ca.crt", "/two/../tls.crt", "/abs/tls.key", "/two/token") == found.files()


def test_plugin_without_a_slash_is_looked_for_on_the_path() -> None:
    body = ONE | document(users={"u": {"exec": {"command": "aws", "args": ["eks"]}}})

    assert "aws" == select([("/a", body)]).user["exec"]["command"]


def test_service_account_is_a_cluster_with_a_token_file() -> None:
    found = read_kubeconfig(Choice(service_account="/sa", server="https://10.0.0.1:443"))

    assert {
        "server": "https://10.0.0.1:443",
        "certificate-authority": "/sa/ca.crt",
    } == found.cluster
    assert {"tokenFile": "/sa/token"} == found.user


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (None, r"no current-context \(there are: none\)"),
        (document(contexts={"x": {}, "y": {}}), r"no current-context \(there are: x, y\)"),
        (ONE | {"current-context": "z"}, r"there is no context 'z' \(there are: x\)"),
        (ONE | {"clusters": []}, r"there is no cluster 'c' \(there are: none\)"),
        (ONE | {"users": []}, r"there is no user 'u' \(there are: none\)"),
        (ONE | {"contexts": [{"name": "x"}]}, "there is no cluster ''"),
        (ONE | document(clusters={"c": None}), "cluster 'c' has no server"),
        ("nonsense", "/a is not a kubeconfig: Expected `object`, got `str`"),
        (ONE | {"users": [{}]}, r"missing required field `name` - at `\$.users\[0\]`"),
    ],
)
def test_what_is_wrong_is_said(body: Any, message: str) -> None:
    with pytest.raises(BadKubeconfig, match=message):
        select([("/a", body)])


def test_file_that_is_not_yaml_is_named(tmp_path: Path) -> None:
    path = tmp_path / "config"
    path.write_text("a: [")

    with pytest.raises(BadKubeconfig, match=f"{path} is not YAML"):
        read_kubeconfig(Choice((str(path),)))


def test_files_are_read_in_order(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("current-context: x\n")
    (tmp_path / "b").write_text(
        "clusters: [{name: c, cluster: {server: 'http://x'}}]\n"
        "contexts: [{name: x, context: {cluster: c}}]\n"
    )

    found = read_kubeconfig(Choice((str(tmp_path / "a"), str(tmp_path / "b"))))

    assert "http://x" == found.cluster["server"]
