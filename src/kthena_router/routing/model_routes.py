"""ModelRoutes compiled for matching: candidates by model or adapter, rules in order, targets by weight."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from msgspec import Struct

from kthena_router.api.meta import ObjectKey
from kthena_router.api.networking import ModelRoute, Rule
from kthena_router.routing.backends import Backend
from kthena_router.routing.predicates import BadPattern, RequestPredicate
from kthena_router.routing.weights import choose_weighted


class RouteRequest(Struct, frozen=True):
    """What routing looks at. *headers*: names in lower case, first values. *path*: decoded, without query."""

    model: str
    path: str
    headers: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Target:
    """Where a rule may send a request; *provider* names a feature that is not there yet."""

    backend: Backend
    weight: int
    provider: str = ""


@dataclass(frozen=True, slots=True)
class CompiledRule:
    """*holds* is None where the rule has a condition that cannot be read: it never matches."""

    name: str
    holds: Callable[[str, str, Mapping[str, str]], bool] | None
    targets: tuple[Target, ...]

    def matches(self, request: RouteRequest) -> bool:
        return self.holds is not None and self.holds(request.model, request.path, request.headers)

    def choose(self, dice: Callable[[], float]) -> Target | None:
        """Return a target by weight among those with endpoints; where none has any, among all."""
        if len(self.targets) == 1:
            return self.targets[0] if self.targets[0].weight > 0 else None
        usable = [(t, t.weight) for t in self.targets if t.backend.endpoints]
        return choose_weighted(usable, dice) or choose_weighted(
            [(target, target.weight) for target in self.targets], dice
        )


@dataclass(frozen=True, slots=True)
class CompiledRoute:
    key: ObjectKey
    rank: tuple[str, str, str]
    model_name: str
    adapters: tuple[str, ...]
    rules: tuple[CompiledRule, ...]
    problems: tuple[str, ...]  # for the status
    missing: tuple[str, ...]  # ModelServers that do not exist

    def choose(
        self, request: RouteRequest, dice: Callable[[], float]
    ) -> tuple[CompiledRule, Target] | None:
        """Return the first rule that matches and one of its targets, None where none matches or can be chosen."""
        for rule in self.rules:
            if rule.matches(request):
                target = rule.choose(dice)
                return (rule, target) if target else None
        return None

    @property
    def usable(self) -> bool:
        """Return whether some request could be answered."""
        return any(target.backend.endpoints for rule in self.rules for target in rule.targets)


@dataclass(slots=True)
class RouteTable:
    """The routes of one listener, by the names that they serve, oldest first. Not changed once it is compiled."""

    by_model: dict[str, list[CompiledRoute]] = field(default_factory=dict)
    by_adapter: dict[str, list[CompiledRoute]] = field(default_factory=dict)

    def add(self, route: CompiledRoute) -> None:
        """Take in *route*, younger than all before it."""
        if route.model_name:
            self.by_model.setdefault(route.model_name, []).append(route)
        for adapter in route.adapters:
            self.by_adapter.setdefault(adapter, []).append(route)

    def choose(
        self, request: RouteRequest, dice: Callable[[], float]
    ) -> tuple[CompiledRoute, CompiledRule, Target, bool] | None:
        """Return route, rule, target and whether the name is an adapter's; base models come before adapters."""
        for table, is_lora in ((self.by_model, False), (self.by_adapter, True)):
            for route in table.get(request.model, ()):
                chosen = route.choose(request, dice)
                if chosen is not None:
                    return route, *chosen, is_lora
        return None

    def names(self) -> set[str]:
        """Return the models and adapters that can be served."""
        return {
            name
            for table in (self.by_model, self.by_adapter)
            for name, routes in table.items()
            if any(route.usable for route in routes)
        }


def compile_route(route: ModelRoute, backends: Mapping[ObjectKey, Backend]) -> CompiledRoute:
    """Return *route* ready for matching; what cannot be read or found is noted in it."""
    problems: list[str] = []
    missing: list[str] = []
    rules = tuple(
        _compile_rule(index, rule, route, backends, problems, missing)
        for index, rule in enumerate(route.spec.rules)
    )
    return CompiledRoute(
        key=route.key,
        rank=route.age_rank,
        model_name=route.spec.model_name,
        adapters=tuple(dict.fromkeys(route.spec.lora_adapters)),
        rules=rules,
        problems=tuple(problems),
        missing=tuple(dict.fromkeys(missing)),
    )


def _compile_rule(  # noqa: PLR0917 - one call, right above
    index: int,
    rule: Rule,
    route: ModelRoute,
    backends: Mapping[ObjectKey, Backend],
    problems: list[str],
    missing: list[str],
) -> CompiledRule:
    holds: Callable[[str, str, Mapping[str, str]], bool] | None = lambda *_: True  # noqa: E731 - the default
    if rule.model_match is not None:
        try:
            holds = RequestPredicate(rule.model_match).holds
        except BadPattern as error:
            holds = None
            problems.append(f"rule {index}: {error}")
    targets = []
    for target in rule.target_models:
        provider = target.external_model_provider_name or ""
        key = ObjectKey(route.metadata.namespace, target.model_server_name or provider)
        backend = backends.get(key) if target.model_server_name else None
        if target.model_server_name and backend is None:
            missing.append(str(key))
        if provider:
            problems.append(f"rule {index}: external model providers are not in this version")
        targets.append(Target(backend or Backend(key, exists=False), target.weight, provider))
    return CompiledRule(rule.name or "", holds, tuple(targets))
