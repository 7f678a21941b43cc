import base64
from pathlib import Path
from typing import Any

import pytest

from kthena_sandbox.kubelet.environment import variables_of
from kthena_sandbox.kubelet.fields import file_of, resource_of
from kthena_sandbox.kubelet.references import ConfigError, Reference, of_environment
from kthena_sandbox.kubelet.volumefiles import write_files
from kthena_sandbox.kubelet.volumes import (
    File,
    TokenWish,
    is_supported,
    mounts_of,
    payload_of,
    place_of,
    pointed,
    references_of,
    wishes_of,
)

CONFIG = Reference("ConfigMap", "settings")
SECRET = Reference("Secret", "keys")
SOURCES = {
    CONFIG: {"kind": "ConfigMap", "data": {"level": "info", "format": "json"},
             "binaryData": {"raw": base64.b64encode(b"\xff").decode()}},
    SECRET: {"kind": "Secret", "data": {"tls.key": base64.b64encode(b"private").decode()}},
    Reference("ConfigMap", "nowhere"): None,
}  # fmt: skip
POD: dict[str, Any] = {
    "metadata": {"name": "p", "namespace": "n", "uid": "u", "labels": {"b": 'x"y', "a": "1"}},
    "spec": {"containers": [{"name": "c", "resources": {"limits": {"memory": "1Gi"}}}]},
}


def environment(*env: dict[str, Any], env_from: tuple[dict[str, Any], ...] = ()) -> dict[str, str]:
    return variables_of({"env": list(env), "envFrom": list(env_from)}, POD, "127.1.0.2", SOURCES)


def taken(field: str, name: str, key: str, **more: Any) -> dict[str, Any]:
    return {"name": "X", "valueFrom": {field: {"name": name, "key": key} | more}}


def test_environment_from_configmaps_and_secrets() -> None:
    assert environment(
        {"name": "level", "value": "debug"},
        taken("secretKeyRef", "keys", "tls.key"),
        env_from=({"configMapRef": {"name": "settings"}, "prefix": "LOG_"},
                  {"configMapRef": {"name": "nowhere", "optional": True}}),
    ) == {"LOG_level": "info", "LOG_format": "json", "LOG_raw": "\ufffd", "level": "debug",
          "X": "private"}  # fmt: skip
    assert environment(taken("configMapKeyRef", "nowhere", "a", optional=True)) == {}


@pytest.mark.parametrize(
    ("entry", "why"),
    [
        (taken("configMapKeyRef", "nowhere", "a"), 'configmap "nowhere" not found'),
        (taken("secretKeyRef", "keys", "a"), "couldn't find key a in Secret n/keys"),
        ({"name": "X", "valueFrom": {"fileKeyRef": {}}}, "env X: fileKeyRef is not supported in the sandbox"),
    ],
)  # fmt: skip
def test_environment_that_cannot_be_had(entry: dict[str, Any], why: str) -> None:
    with pytest.raises(ConfigError) as caught:
        environment(entry)
    assert str(caught.value) == why


def test_what_an_environment_takes_from() -> None:
    container = {
        "env": [taken("secretKeyRef", "keys", "a"), {"name": "Y", "value": "1"}],
        "envFrom": [{"configMapRef": {"name": "settings"}}],
    }
    assert list(of_environment(container)) == [CONFIG, SECRET]


@pytest.mark.parametrize(
    ("resource", "divisor", "value"),
    [
        ("limits.memory", "0", "1073741824"),
        ("limits.memory", "1Mi", "1024"),
        ("requests.memory", "1", "1073741824"),
        ("limits.cpu", "1", "1000"),
        ("requests.cpu", "1", "1"),
    ],
)
def test_resources_in_units_of_a_divisor(resource: str, divisor: str, value: str) -> None:
    container = {"resources": {"limits": {"memory": "1Gi"}, "requests": {"cpu": "100m"}}}
    assert resource_of({"resource": resource, "divisor": divisor}, container) == value


def test_labels_as_a_file() -> None:
    assert file_of("metadata.labels", POD, "") == 'a="1"\nb="x\\"y"'


def test_payloads() -> None:
    sources = [
        {"configMap": {"name": "settings", "items": [{"key": "level", "path": "log/level"}]}},
        {"secret": {"name": "keys"}},
        {"downwardAPI": {"items": [
            {"path": "ip", "fieldRef": {"fieldPath": "status.podIP"}},
            {"path": "memory", "mode": 0o400,
             "resourceFieldRef": {"containerName": "c", "resource": "limits.memory"}},
        ]}},
        {"serviceAccountToken": {"path": "token", "expirationSeconds": 600}},
    ]  # fmt: skip
    volume = {"name": "all", "projected": {"sources": sources, "defaultMode": 0o440}}
    assert list(references_of(volume)) == [CONFIG, SECRET]
    assert list(wishes_of(volume)) == [TokenWish("", 600)]
    assert payload_of(volume, POD, "127.1.0.2", SOURCES, {TokenWish("", 600): "t"}) == {
        "log/level": File(b"info", 0o440),
        "tls.key": File(b"private", 0o440),
        "ip": File(b"127.1.0.2", 0o440),
        "memory": File(b"1073741824", 0o400),
        "token": File(b"t", 0o440),
    }


@pytest.mark.parametrize(
    ("volume", "why"),
    [
        ({"configMap": {"name": "nowhere"}}, 'configmap "nowhere" not found'),
        ({"secret": {"secretName": "keys", "items": [{"key": "a", "path": "a"}]}},
         "secret references non-existent secret key: a"),
        ({"projected": {"sources": [{"clusterTrustBundle": {}}]}},
         "projected source clusterTrustBundle is not supported in the sandbox"),
    ],
)  # fmt: skip
def test_volumes_that_cannot_be_made(volume: dict[str, Any], why: str) -> None:
    with pytest.raises(ConfigError) as caught:
        payload_of({"name": "v"} | volume, POD, "", SOURCES, {})
    assert str(caught.value) == why


def test_kinds_of_volumes() -> None:
    assert not is_supported({"name": "v", "nfs": {"server": "s", "path": "/"}})
    folder = Path("/pods/u")
    claim = {"name": "v", "persistentVolumeClaim": {"claimName": "c"}}
    assert place_of(claim, folder) == folder / "volumes/kubernetes.io~local-volume/v"
    assert place_of({"name": "v"}, folder) == folder / "volumes/kubernetes.io~empty-dir/v"
    assert place_of({"name": "v", "hostPath": {"path": "/srv"}}, folder) == Path("/srv")


def test_mount_paths_are_pointed_to_where_they_are() -> None:
    pod = {"spec": {"volumes": [{"name": "v", "configMap": {"name": "settings"}},
                                {"name": "w", "nfs": {"server": "s", "path": "/"}}]}}  # fmt: skip
    container = {
        "volumeMounts": [
            {"name": "v", "mountPath": "/etc/config/"},
            {"name": "v", "mountPath": "/etc/config/one", "subPathExpr": "$(NAME)"},
            {"name": "w", "mountPath": "/models"},
        ]
    }
    mounts = mounts_of(container, pod, Path("/p"), {"NAME": "level"})
    place = "/p/volumes/kubernetes.io~configmap/v"
    assert mounts == {"/etc/config/one": Path(f"{place}/level"), "/etc/config": Path(place)}
    for text, expected in {
        "--config=/etc/config/a.yaml": f"--config={place}/a.yaml",
        "/etc/config": place,
        "/etc/config/one:/etc/config": f"{place}/level:{place}",
        "/etc/configuration": "/etc/configuration",
        "/srv/etc/config": "/srv/etc/config",
        "/models/m": "/models/m",
    }.items():
        assert pointed(text, mounts) == expected


def test_a_change_of_files_is_seen_at_once_or_not_at_all(tmp_path: Path) -> None:
    volume = tmp_path / "v"
    assert write_files(volume, {"a": File(b"1"), "sub/b": File(b"2", 0o400)})
    first = (volume / "..data").resolve()
    assert (volume / "a").read_bytes() == b"1"
    assert (volume / "sub/b").stat().st_mode & 0o777 == 0o400
    assert not write_files(volume, {"a": File(b"1"), "sub/b": File(b"2", 0o400)})
    assert write_files(volume, {"a": File(b"3"), "c": File(b"4")})
    assert not first.exists()
    assert sorted(path.name for path in volume.iterdir() if not path.name.startswith("..")) == [
        "a", "c",
    ]  # fmt: skip
    assert (volume / "a").read_bytes() == b"3"


@pytest.mark.parametrize("path", ["/etc/passwd", "../a", "a/../../b"])
def test_files_stay_in_their_volume(tmp_path: Path, path: str) -> None:
    with pytest.raises(ConfigError, match="must be relative"):
        write_files(tmp_path / "v", {path: File(b"")})
