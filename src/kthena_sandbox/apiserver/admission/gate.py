"""The gate of one request: what is built in, policies, and webhooks, for which the write has to wait.

A write is one transaction that never waits. Where a webhook has to be asked, the gate raises `Pending` out of it;
`resolve` asks, and the write is tried again with what was said. If its object has changed meanwhile, all are asked anew.
"""

from dataclasses import dataclass, field, replace
from typing import Any, Literal

import trio

from kthena_sandbox.apiserver.admission import certificates, plugins
from kthena_sandbox.apiserver.admission.hooks import Concerned, Hooks
from kthena_sandbox.apiserver.admission.policies import denied, described
from kthena_sandbox.apiserver.admission.reviews import Verdict, denial, request_of
from kthena_sandbox.apiserver.admission.webhooks import CallFailed, call
from kthena_sandbox.apiserver.auth import escalation
from kthena_sandbox.apiserver.auth.authorizer import Authorizer
from kthena_sandbox.apiserver.auth.identity import User
from kthena_sandbox.apiserver.cluster import Cluster
from kthena_sandbox.apiserver.errors import ApiError, bad_request, internal
from kthena_sandbox.apiserver.gates import Attempt
from kthena_sandbox.apiserver.metadata import with_managed
from kthena_sandbox.schema.fieldsets import Malformed
from kthena_sandbox.schema.managedfields import read_entries
from kthena_sandbox.schema.patches import PatchError, json_patch

Document = dict[str, Any]
_MANAGERS = (
    ".metadata.managedFields was in an invalid state after admission; this could be caused by an "
    "outdated mutating admission controller; please fix your requests"
)
Place = tuple[str, str, str, str, str, str]


class Pending(Exception):
    """Webhooks have to be asked before the write can go on."""

    def __init__(self, stage: Literal["mutate", "validate"], attempt: Attempt) -> None:
        super().__init__(stage)
        self.stage = stage
        self.attempt = attempt


@dataclass(frozen=True, slots=True)
class _Heard:
    """What was said about a write whose object was in this state; `document` is the new one after that."""

    version: str
    document: Document


@dataclass
class AdmissionGate:
    """A `gates.Gate` for one request of one user."""

    cluster: Cluster
    authorizer: Authorizer
    user: User
    _mutations: dict[Place, _Heard] = field(default_factory=dict)
    _validated: dict[Place, str] = field(default_factory=dict)
    _warnings: list[str] = field(default_factory=list)

    @property
    def _hooks(self) -> Hooks:
        return Hooks(self.cluster, self.authorizer)

    def warnings(self) -> tuple[str, ...]:
        """Of all that were asked."""
        return tuple(dict.fromkeys(self._warnings))

    def mutated(self, attempt: Attempt) -> Document:
        """The new object as built-in rules and webhooks make it. Raises Pending."""
        heard = self._mutations.get(_place(attempt))
        if heard is not None and heard.version == _version(attempt):
            return heard.document
        document = self._completed(attempt)
        if self._hooks.mutating(attempt, self.user):
            raise Pending("mutate", attempt)
        if self._hooks.validating(
            attempt, self.user
        ):  # which see what will be stored, with its uid
            self._mutations[_place(attempt)] = _Heard(_version(attempt), document)
        return document

    def _completed(self, attempt: Attempt) -> Document:
        document = plugins.completed(self.cluster, attempt)
        if attempt.new is None:
            return document
        return certificates.completed(replace(attempt, new=document), self.user)

    def validate(self, attempt: Attempt) -> None:
        """Raises ApiError where the write may not be, and Pending."""
        if attempt.new is not None and attempt.shape is None:
            escalation.check(self.authorizer, self.user, attempt.resource, attempt.new, attempt.old)
        certificates.check(self.authorizer, self.user, attempt)
        plugins.check(self.cluster, attempt)
        self._check_policies(attempt)
        known = self._validated.get(_place(attempt)) == _version(attempt)
        if not known and self._hooks.validating(attempt, self.user):
            raise Pending("validate", attempt)
        plugins.check_last(self.cluster, attempt)

    def _check_policies(self, attempt: Attempt) -> None:
        for policy, binding, violation, actions in self._hooks.breaches(attempt, self.user):
            if "Deny" in actions:
                raise denied(attempt, policy, binding, violation)
            if "Warn" in actions:
                said = described(policy, binding, violation, "")
                self._warnings.append(f"Validation failed for {said}")

    async def resolve(self, pending: Pending) -> None:
        """Ask the webhooks for which a write waits. Raises ApiError."""
        if pending.stage == "mutate":
            await self._mutate(pending.attempt)
        else:
            await self._ask_all(pending.attempt)

    async def _mutate(self, attempt: Attempt) -> None:
        new = self._completed(attempt)
        last_change, asked = -1, []
        for index, concerned in enumerate(self._hooks.mutating(attempt, self.user)):
            patched = await self._patched(concerned, _with_new(attempt, new))
            if patched != new:
                last_change = index
            new = patched
            asked.append(concerned)
        for concerned in asked[:last_change] if last_change > 0 else []:
            if concerned.hook.get("reinvocationPolicy") == "IfNeeded":
                new = await self._patched(concerned, _with_new(attempt, new))
        new = self._with_managers(new, attempt.subject)
        self._mutations[_place(attempt)] = _Heard(_version(attempt), new)

    def _with_managers(self, new: Document, before: Document) -> Document:
        """Of what webhooks change nobody is the manager; they may change who is, if that can be read."""
        listed, known = (side.get("metadata", {}).get("managedFields") for side in (new, before))
        if listed == known:
            return new
        try:
            read_entries(listed)
        except Malformed as error:
            self._warnings.append(f"{_MANAGERS}: {error}")
            return with_managed(new, known or [])
        return new

    async def _patched(self, concerned: Concerned, attempt: Attempt) -> Document:
        found = await self._verdict(concerned, attempt)
        if found is None or attempt.new is None or not found.patch:
            return attempt.subject
        try:
            patched = json_patch(attempt.new, found.patch)
        except PatchError as error:
            raise internal(str(error)) from error
        if not isinstance(patched, dict):
            raise internal(f'admission webhook "{concerned.hook["name"]}" leaves no object')
        return patched

    async def _ask_all(self, attempt: Attempt) -> None:
        """All at the same time; the first denial counts."""
        concerned = self._hooks.validating(attempt, self.user)
        errors: list[ApiError | None] = [None] * len(concerned)

        async def ask(index: int) -> None:
            try:
                await self._verdict(concerned[index], attempt)
            except ApiError as error:
                errors[index] = error

        async with trio.open_nursery() as nursery:
            for index in range(len(concerned)):
                nursery.start_soon(ask, index)
        for error in filter(None, errors):
            raise error
        self._validated[_place(attempt)] = _version(attempt)

    async def _verdict(self, concerned: Concerned, attempt: Attempt) -> Verdict | None:
        """What a webhook says; None where it cannot be asked and that is to be ignored. Raises ApiError."""
        hook, name = concerned.hook, concerned.hook["name"]
        if attempt.dry_run and hook.get("sideEffects") not in {"None", "NoneOnDryRun"}:
            raise bad_request(f'admission webhook "{name}" does not support dry run')
        request = request_of(
            attempt, self.user, self.cluster.uid(), concerned.kind, self.cluster.conversions
        )
        try:
            found = await call(self.cluster, hook, request)
        except CallFailed as error:
            if hook.get("failurePolicy") == "Ignore":
                return None
            raise internal(f'failed calling webhook "{name}": {error}') from error
        self._warnings += found.warnings
        if not found.allowed:
            raise denial(name, found.status)
        return found


def _with_new(attempt: Attempt, new: Document) -> Attempt:
    return attempt if attempt.new is None else replace(attempt, new=new)


def _place(attempt: Attempt) -> Place:
    """Which write of a request it is: a creation may get another name at each try, and there is one of it."""
    metadata = {} if attempt.operation == "CREATE" else attempt.subject.get("metadata") or {}
    place = attempt.resource
    return (
        attempt.operation, place.group, place.plural, attempt.subresource,
        metadata.get("namespace", ""), metadata.get("name", ""),
    )  # fmt: skip


def _version(attempt: Attempt) -> str:
    return str(attempt.old["metadata"].get("resourceVersion", "")) if attempt.old else ""
