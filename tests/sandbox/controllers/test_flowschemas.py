from pathlib import Path

from tests.sandbox.house import running

from kthena_sandbox.kinds import FLOW_SCHEMAS, PRIORITY_LEVELS, Key


async def test_a_schema_is_told_whether_its_level_is_there(tmp_path: Path) -> None:
    async with running(tmp_path, controllers=True) as cluster:

        async def told(status: str) -> str | None:
            found = await cluster.client.get(FLOW_SCHEMAS, Key("", "s"))
            conditions = (found.get("status") or {}).get("conditions") or [{}]
            return conditions[0]["message"] if conditions[0].get("status") == status else None

        spec = {"priorityLevelConfiguration": {"name": "l"}}
        await cluster.client.create(FLOW_SCHEMAS, {"metadata": {"name": "s"}, "spec": spec})
        missing = 'This FlowSchema references the PriorityLevelConfiguration object named "l" but there is no such object'
        assert await cluster.until(lambda: told("True")) == missing
        limited = {"limitResponse": {"type": "Reject"}}
        level = {"metadata": {"name": "l"}, "spec": {"type": "Limited", "limited": limited}}
        await cluster.client.create(PRIORITY_LEVELS, level)
        present = 'This FlowSchema references the PriorityLevelConfiguration object named "l" and it exists'
        assert await cluster.until(lambda: told("False")) == present
        await cluster.client.delete(PRIORITY_LEVELS, Key("", "l"))
        assert await cluster.until(lambda: told("True")) == missing
