from pathlib import Path

from tests.sandbox.house import CONFIG_MAPS, engine_pod, running

from kthena_sandbox.kinds import NAMESPACES, PODS, Key


async def test_a_deleted_namespace_takes_its_contents_along(tmp_path: Path) -> None:
    async with running(tmp_path, controllers=True, kubelet=True) as cluster:
        await cluster.client.create(NAMESPACES, {"metadata": {"name": "team"}})
        await cluster.create(CONFIG_MAPS, "settings", metadata={"namespace": "team"})
        await cluster.create(PODS, "engine", metadata={"namespace": "team"}, spec=engine_pod())
        await cluster.create(CONFIG_MAPS, "settings")
        await cluster.client.delete(NAMESPACES, Key("", "team"))
        await cluster.gone(NAMESPACES, Key("", "team"))
        assert await cluster.client.find(CONFIG_MAPS, Key("default", "settings")) is not None
        assert await cluster.pods("team") == []


async def test_a_finalizer_holds_the_namespace(tmp_path: Path) -> None:
    async with running(tmp_path, controllers=True) as cluster:
        await cluster.client.create(NAMESPACES, {"metadata": {"name": "team"}})
        held = {"namespace": "team", "finalizers": ["example.com/hold"]}
        await cluster.create(CONFIG_MAPS, "held", metadata=held)
        await cluster.client.delete(NAMESPACES, Key("", "team"))

        async def marked() -> bool:
            found = await cluster.client.get(CONFIG_MAPS, Key("team", "held"))
            return "deletionTimestamp" in found["metadata"]

        await cluster.until(marked)
        found = await cluster.client.get(NAMESPACES, Key("", "team"))
        assert found["status"]["phase"] == "Terminating"
        await cluster.client.patch(
            CONFIG_MAPS, Key("team", "held"), {"metadata": {"finalizers": None}}
        )
        await cluster.gone(NAMESPACES, Key("", "team"))
