from pathlib import Path

from tests.sandbox.house import running

from kthena_sandbox.kinds import ATTRIBUTES_CLASSES, CLAIMS, Key


async def test_a_class_of_attributes_stays_while_a_claim_names_it(tmp_path: Path) -> None:
    gold = Key("", "gold")
    spec = {
        "accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}},
        "storageClassName": "none", "volumeAttributesClassName": "gold",
    }  # fmt: skip
    document = {"metadata": {"name": "gold"}, "driverName": "d", "parameters": {"iops": "1"}}
    async with running(tmp_path, controllers=True) as cluster:

        async def is_gone() -> bool:
            return await cluster.client.find(ATTRIBUTES_CLASSES, gold) is None

        await cluster.client.create(ATTRIBUTES_CLASSES, document)
        claim = {"metadata": {"name": "c", "namespace": "default"}, "spec": spec}
        await cluster.client.create(CLAIMS, claim)
        await cluster.client.delete(ATTRIBUTES_CLASSES, gold)
        held = await cluster.client.get(ATTRIBUTES_CLASSES, gold)
        assert held["metadata"]["finalizers"] == ["kubernetes.io/vac-protection"]
        await cluster.client.delete(CLAIMS, Key("default", "c"))
        assert await cluster.until(is_gone)
