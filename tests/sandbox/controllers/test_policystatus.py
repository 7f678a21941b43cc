from pathlib import Path

from tests.sandbox.house import running

from kthena_sandbox.kinds import POLICIES, Document, Key


async def test_a_policy_is_told_what_does_not_fit(tmp_path: Path) -> None:
    rules = {"apiGroups": [""], "apiVersions": ["v1"], "operations": ["*"], "resources": ["configmaps"]}  # fmt: skip
    spec = {"matchConstraints": {"resourceRules": [rules]},
            "validations": [{"expression": "object.spec == 1"}]}  # fmt: skip
    async with running(tmp_path, controllers=True) as cluster:

        async def checked(generation: int) -> Document | None:
            policy = await cluster.client.get(POLICIES, Key("", "p"))
            status = policy.get("status") or {}
            return status if status.get("observedGeneration") == generation else None

        await cluster.client.create(POLICIES, {"metadata": {"name": "p"}, "spec": spec})
        status = await cluster.until(lambda: checked(1))
        (warning,) = status["typeChecking"]["expressionWarnings"]
        assert "undefined field 'spec'" in warning["warning"]
        right = {"spec": {"validations": [{"expression": "object.data.x == 's'"}]}}
        await cluster.client.patch(POLICIES, Key("", "p"), right)
        assert (await cluster.until(lambda: checked(2)))["typeChecking"] == {}
