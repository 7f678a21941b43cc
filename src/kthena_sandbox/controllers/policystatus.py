"""Writes into the status of ValidatingAdmissionPolicies what in them does not fit the kinds that they are about."""

from kthena_sandbox.controllers.loop import Reconciler
from kthena_sandbox.controllers.parts import Parts
from kthena_sandbox.kinds import DEFINITIONS, POLICIES, Key
from kthena_sandbox.resources import ResourceType
from kthena_sandbox.schema.builtin import BUILTIN
from kthena_sandbox.schema.crd import resource_types
from kthena_sandbox.schema.policytypes import type_warnings


class PolicyStatus:
    """Reconciles policies, each once for each state of it."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self.loop: Reconciler[Key] = Reconciler("policies", self._reconcile)
        self._policies = parts.follow(POLICIES, self.loop.add)

    async def _reconcile(self, key: Key) -> float | None:
        policy = self._policies.objects.get(key)
        if policy is None:
            return None
        if not self._parts.are_synced(POLICIES, DEFINITIONS):
            return 0.05
        generation = policy["metadata"].get("generation", 0)
        if (policy.get("status") or {}).get("observedGeneration") == generation:
            return None
        found = type_warnings(policy, self._known())
        checked = {"expressionWarnings": found} if found else {}
        status = {"observedGeneration": generation, "typeChecking": checked}
        document = policy | {"status": (policy.get("status") or {}) | status}
        written = await self._parts.client.replace(POLICIES, document, "status")
        self._policies.note(written)
        return None

    def _known(self) -> list[ResourceType]:
        definitions = self._parts.mirrors[DEFINITIONS].objects.values()
        return [
            *BUILTIN,
            *(kind for definition in definitions for kind in resource_types(definition)),
        ]
