"""A folder of manifests against a real API server: what is applied, told and pruned."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import trio
from tests.sandbox.house import Cluster, engine_pod, running, running_api

from kthena_sandbox.cli import main
from kthena_sandbox.kinds import CONFIG_MAPS, Key
from kthena_sandbox.manifests import Manifests, Reference, gone, read_files, signature

MAP = """
apiVersion: v1
kind: ConfigMap
metadata: {{name: {name}}}
data: {{colour: {colour}}}
"""


@asynccontextmanager
async def _following(cluster: Cluster, folder: Path) -> AsyncIterator[list[str]]:
    said: list[str] = []
    async with trio.open_nursery() as nursery:
        await nursery.start(Manifests(folder, cluster.client, said.append).run)
        yield said
        nursery.cancel_scope.cancel()


async def _until(said: list[str], line: str) -> None:
    with trio.fail_after(60):
        while not any(line in entry for entry in said):  # noqa: ASYNC110  what it tells is a list
            await trio.sleep(0.02)


async def test_files_are_applied_followed_and_pruned(tmp_path: Path) -> None:
    folder = tmp_path / "manifests"
    (folder / "more").mkdir(parents=True)
    first, second = folder / "a.yaml", folder / "more" / "b.yaml"
    first.write_text(MAP.format(name="a", colour="red"))
    second.write_text(MAP.format(name="b", colour="red"))
    async with running_api(tmp_path) as cluster, _following(cluster, folder) as said:
        assert said == ["configmap/a created", "configmap/b created"]
        first.write_text(MAP.format(name="a", colour="blue").replace("colour", "other"))
        await _until(said, "configmap/a configured")
        found = await cluster.client.get(CONFIG_MAPS, Key("default", "a"))
        assert found["data"] == {"other": "blue"}
        second.unlink()
        await _until(said, "configmap/b pruned")
        await cluster.gone(CONFIG_MAPS, Key("default", "b"))
        assert said[2:] == ["configmap/a configured", "configmap/b pruned"]


async def test_a_bad_file_is_told_about_and_costs_nothing(tmp_path: Path) -> None:
    folder = tmp_path / "manifests"
    folder.mkdir()
    first, second = folder / "a.yaml", folder / "b.yaml"
    first.write_text(MAP.format(name="a", colour="red"))
    async with running_api(tmp_path) as cluster, _following(cluster, folder) as said:
        first.write_text("a: [")
        second.write_text(MAP.format(name="b", colour="red") + "---\nkind: Nothing\n")
        await _until(said, f"manifests: {first}: while parsing a flow node")
        await _until(said, f"manifests: {second}: a document without apiVersion")
        third = folder / "c.yaml"
        third.write_text(
            MAP.format(name="c", colour="1") + "---\n" + MAP.format(name="C", colour="x")
        )
        await _until(said, f'manifests: {third}: configmap/C: ConfigMap "C" is invalid')
        assert await cluster.client.find(CONFIG_MAPS, Key("default", "a")) is not None
        assert not any("pruned" in line for line in said)
        third.write_text(MAP.format(name="c", colour="x"))
        await _until(said, "configmap/c created")


BAD_FILES = {
    "no items": ("apiVersion: v1\nkind: List\n", "a document without apiVersion, kind or metadata"),
    "a bad item": ("apiVersion: v1\nkind: List\nitems: [5]\n", "a document without apiVersion"),
    "a text": ("just a text", "a document without apiVersion, kind or metadata"),
    "no map": ("apiVersion: v1\nkind: ConfigMap\nmetadata: a\n", "metadata is not a mapping"),
    "a number": (MAP.format(name="5", colour="x"), "metadata.name is not a text"),
    "kinds": ("apiVersion: v1\nkind: [a]\nmetadata: {name: a}\n", "kind is not a text"),
    "no date": (MAP.format(name="a", colour="2024-13-45"), "month must be in 1..12"),
    "no number": (MAP.format(name="a", colour="!!int a"), "invalid literal for int()"),
    "no boolean": (MAP.format(name="a", colour="!!bool a"), "'a'"),
    "no key": (MAP.format(name="a", colour="{null: a}"), "Only dicts with str-like or number-like"),
    "bytes": ("a: \x00", "unacceptable character #x0000"),
}


@pytest.mark.parametrize("case", BAD_FILES)
def test_what_is_no_object_makes_its_file_unreadable(case: str, tmp_path: Path) -> None:
    content, why = BAD_FILES[case]
    (tmp_path / "a.yaml").write_text(content)
    files = read_files(tmp_path, ["a.yaml"])
    assert files.objects == {}
    assert files.broken["a.yaml"].startswith(f"{tmp_path / 'a.yaml'}: ")
    assert why in files.broken["a.yaml"]


@pytest.mark.parametrize("levels", [990, 200_000])
def test_a_file_that_is_nested_too_deeply_is_unreadable(levels: int, tmp_path: Path) -> None:
    deep = "[" * levels + "]" * levels
    (tmp_path / "a.yaml").write_text(MAP.format(name="a", colour=deep))
    assert list(read_files(tmp_path, ["a.yaml"]).broken) == ["a.yaml"]


def test_lists_are_taken_apart(tmp_path: Path) -> None:
    listed = {"apiVersion": "v1", "kind": "ConfigMapList", "items": [
        {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}},
        {"apiVersion": "v1", "kind": "List", "items": [
            {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "b"}}]},
    ]}  # fmt: skip
    (tmp_path / "a.json").write_text(json.dumps(listed))
    found = read_files(tmp_path, ["a.json"])
    assert [entry["metadata"]["name"] for entry in found.objects["a.json"]] == ["a", "b"]


def test_hidden_files_are_none_and_links_are_followed(tmp_path: Path) -> None:
    """As in a ConfigMap that is mounted: links to files behind the link `..data`, which is swapped."""
    (tmp_path / "..2024").mkdir()
    (tmp_path / "..2024" / "a.yaml").write_text("")
    (tmp_path / "..data").symlink_to("..2024")
    (tmp_path / "a.yaml").symlink_to("..data/a.yaml")
    (tmp_path / ".#a.yaml").symlink_to("user@host.1234")
    (tmp_path / "gone.yaml").symlink_to("nowhere")
    (tmp_path / "notes.txt").write_text("")
    (tmp_path / "loop").symlink_to(".")
    (tmp_path / "site").symlink_to("..2024")
    assert list(signature(tmp_path)) == ["a.yaml", "gone.yaml", "site/a.yaml"]
    assert read_files(tmp_path, ["gone.yaml"]).broken == {
        "gone.yaml": f"{tmp_path / 'gone.yaml'}: No such file or directory"
    }


async def test_a_folder_that_is_away_for_a_moment_prunes_nothing(tmp_path: Path) -> None:
    folder = tmp_path / "manifests"
    folder.mkdir()
    (folder / "a.yaml").write_text(MAP.format(name="a", colour="red"))
    async with running_api(tmp_path) as cluster, _following(cluster, folder) as said:
        folder.rename(tmp_path / "away")
        await _until(said, f"manifests: {folder}: No such file or directory")
        (tmp_path / "away" / "b.yaml").write_text(MAP.format(name="b", colour="red"))
        (tmp_path / "away").rename(folder)
        await _until(said, "configmap/b created")
        assert said == [
            "configmap/a created",
            f"manifests: {folder}: No such file or directory",
            "configmap/b created",
        ]


async def test_an_object_in_two_files_is_that_of_the_first(tmp_path: Path) -> None:
    folder = tmp_path / "manifests"
    folder.mkdir()
    first, second = folder / "a.yaml", folder / "b.yaml"
    first.write_text(MAP.format(name="a", colour="red"))
    second.write_text(MAP.format(name="a", colour="blue"))
    async with running_api(tmp_path) as cluster, _following(cluster, folder) as said:
        told = f"manifests: {second}: configmap/a is in a.yaml already"
        assert said == ["configmap/a created", told]
        first.unlink()
        await _until(said, "configmap/a configured")
        found = await cluster.client.get(CONFIG_MAPS, Key("default", "a"))
        assert found["data"] == {"colour": "blue"}
        assert said == ["configmap/a created", told, "configmap/a configured"]


async def test_a_pod_whose_file_changes_is_made_anew(tmp_path: Path) -> None:
    folder = tmp_path / "manifests"
    folder.mkdir()
    manifest = folder / "pod.json"
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p"}, "spec": engine_pod()}
    manifest.write_text(json.dumps(pod))
    async with (
        running(tmp_path, controllers=True, kubelet=True) as cluster,
        _following(cluster, folder) as said,
    ):
        said.clear()
        manifest.write_text(json.dumps(pod | {"spec": engine_pod(args=["--model", "other"])}))
        await _until(said, "pod/p created")
        assert ["pod/p deleted, to be made anew", "pod/p created"] == said
        (found,) = await cluster.pods()
        assert ["--model", "other"] == found["spec"]["containers"][0]["args"]

        manifest.write_text(json.dumps(pod | {"spec": {"containers": [], "nodeName": "elsewhere"}}))
        await _until(said, 'pod/p: Pod "p" is invalid')
        (kept,) = await cluster.pods()
        assert found["metadata"]["uid"] == kept["metadata"]["uid"]


async def test_what_went_while_it_was_down_is_pruned_at_the_start(tmp_path: Path) -> None:
    folder = tmp_path / "manifests"
    folder.mkdir()
    for name in "ab":
        (folder / f"{name}.yaml").write_text(MAP.format(name=name, colour="red"))
    async with running_api(tmp_path) as cluster:
        async with _following(cluster, folder) as said:
            assert len(said) == 2
        (folder / "b.yaml").unlink()
        async with _following(cluster, folder) as said:
            assert said == ["configmap/b pruned"]
        async with _following(cluster, folder) as said:
            assert said == []


def test_an_object_that_moved_to_another_file_stays() -> None:
    here = Reference("v1", "ConfigMap", "default", "a")
    space = Reference("v1", "Namespace", "", "n")
    assert gone({"a.yaml": frozenset({here})}, {"b.yaml": frozenset({here})}) == []
    assert gone({"a.yaml": frozenset({space, here})}, {}) == [here, space]


def test_a_folder_that_is_not_there_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--manifests", "/nowhere/at/all"])
    assert "argument --manifests: /nowhere/at/all is no folder" in capsys.readouterr().err
