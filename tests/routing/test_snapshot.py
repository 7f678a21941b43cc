from itertools import permutations
from typing import Any

import pytest
from tests.support.build import (
    from_all,
    listener,
    make_gateway,
    make_gateway_class,
    make_model_route,
    make_model_server,
    make_namespace,
    make_objects,
    make_pod,
    target,
)

from kthena_router.api.meta import Object, ObjectKey
from kthena_router.errors import FeatureMissing, ModelNotFound
from kthena_router.routing.gateways import Listener
from kthena_router.routing.model_routes import RouteRequest
from kthena_router.routing.snapshot import Destination, RoutingOptions, Snapshot, compile_snapshot

GATEWAY_API = RoutingOptions(gateway_api=True, default_port=8080, reserved_ports=frozenset({9090}))
PLAIN = RoutingOptions(gateway_api=False, default_port=8080)
DEFAULT = {"name": "default"}


def compiled(*objects: Object, options: RoutingOptions = GATEWAY_API) -> Snapshot:
    return compile_snapshot(make_objects(*objects), options)


def ask(
    snapshot: Snapshot,
    model: str = "m",
    *,
    port: int = 8080,
    host: str = "any",
    path: str = "/v1/completions",
    dice: float = 0.0,
    options: RoutingOptions = GATEWAY_API,
    **headers: str,
) -> Destination:
    through = snapshot.match_listener(port, host) if options.gateway_api else None
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return snapshot.route(through, RouteRequest(model, path, named), lambda: dice)


def served(*objects: Object) -> tuple[Object, ...]:
    """Add the class, a Gateway `default`, a ModelServer and its pod."""
    return (
        make_gateway_class(),
        make_gateway(listeners=[listener(**from_all())]),
        make_model_server(),
        make_pod(labels={"app": "server"}),
        *objects,
    )


def test_same_model_name_on_two_gateways_goes_to_two_backends() -> None:
    snapshot = compiled(
        make_gateway_class(),
        make_gateway("a", listeners=[listener(port=8080)]),
        make_gateway("b", listeners=[listener(port=8081)]),
        make_model_server("small"),
        make_model_server("large"),
        make_model_route(
            "r1", parents=[{"name": "a"}], rules=[{"targetModels": [target("small")]}]
        ),
        make_model_route(
            "r2", parents=[{"name": "b"}], rules=[{"targetModels": [target("large")]}]
        ),
    )

    assert ObjectKey("default", "small") == ask(snapshot, port=8080).backend.key
    assert ObjectKey("default", "large") == ask(snapshot, port=8081).backend.key
    assert frozenset({8080, 8081}) == snapshot.ports


def test_route_without_parent_refs_serves_nothing_with_gateway_api() -> None:
    snapshot = compiled(*served(make_model_route()))

    with pytest.raises(ModelNotFound, match="route not found"):
        ask(snapshot)


def test_without_gateway_api_only_routes_without_parent_refs_serve() -> None:
    snapshot = compiled(
        make_model_route("free"),
        make_model_route("bound", model="b", parents=[DEFAULT]),
        options=PLAIN,
    )

    assert ObjectKey("default", "free") == ask(snapshot, options=PLAIN).route
    with pytest.raises(ModelNotFound):
        ask(snapshot, "b", options=PLAIN)
    assert frozenset({8080}) == snapshot.ports


@pytest.mark.parametrize(
    ("ref", "port"),
    [
        ({"sectionName": "one"}, 8080),
        ({"port": 8080}, 8080),
        ({"sectionName": "two", "port": 8081}, 8081),
    ],
)
def test_route_serves_only_the_listener_that_its_ref_names(ref: dict[str, Any], port: int) -> None:
    snapshot = compiled(
        make_gateway_class(),
        make_gateway(listeners=[listener("one", 8080), listener("two", 8081)]),
        make_model_route(parents=[{"name": "default", **ref}]),
    )

    assert ObjectKey("default", "route") == ask(snapshot, port=port).route
    with pytest.raises(ModelNotFound):
        ask(snapshot, port=16161 - port)


@pytest.mark.parametrize(
    ("allowed", "expected"),
    [
        ({}, False),
        ({"namespaces": {"from": "Same"}}, False),
        ({"namespaces": {"from": "All"}}, True),
        ({"namespaces": {"from": "Selector", "selector": {"matchLabels": {"team": "a"}}}}, True),
        ({"namespaces": {"from": "Selector", "selector": {"matchLabels": {"team": "b"}}}}, False),
        ({"namespaces": {"from": "All"}, "kinds": [{"kind": "HTTPRoute"}]}, False),
        (
            {
                "namespaces": {"from": "All"},
                "kinds": [{"group": "networking.serving.volcano.sh", "kind": "ModelRoute"}],
            },
            True,
        ),
    ],
)
def test_allowed_routes_decide_about_other_namespaces(
    allowed: dict[str, Any], expected: bool
) -> None:
    snapshot = compiled(
        make_gateway_class(),
        make_gateway(listeners=[listener(allowedRoutes=allowed)]),
        make_namespace("team", team="a"),
        make_model_route(namespace="team", parents=[{"name": "default", "namespace": "default"}]),
    )

    assert expected == bool(snapshot.tables)


def test_ignoring_allowed_routes_restores_what_the_original_does() -> None:
    options = RoutingOptions(gateway_api=True, default_port=8080, enforce_allowed_routes=False)
    snapshot = compiled(
        make_gateway_class(),
        make_gateway(),
        make_model_route(namespace="team", parents=[{"name": "default", "namespace": "default"}]),
        options=options,
    )

    assert ObjectKey("team", "route") == ask(snapshot).route


def test_classes_are_chosen_by_controller_and_not_by_name() -> None:
    snapshot = compiled(
        make_gateway_class("ours"),
        make_gateway_class("kthena-router", "example.com/other"),
        make_gateway("a", gateway_class="ours", listeners=[listener(port=1000)]),
        make_gateway("b", gateway_class="kthena-router", listeners=[listener(port=2000)]),
    )

    assert frozenset({1000}) == snapshot.ports


@pytest.mark.parametrize(
    ("host", "name"),
    [
        ("chat.example.com", "exact"),
        ("CHAT.example.com.:8080", "exact"),
        ("a.b.example.com", "wide"),
        ("x.deep.example.com", "deep"),
        ("example.com", "any"),
        ("[::1]:8080", "any"),
    ],
)
def test_host_selects_the_most_specific_listener(host: str, name: str) -> None:
    snapshot = compiled(
        make_gateway_class(),
        make_gateway(
            listeners=[
                listener("any"),
                listener("wide", hostname="*.example.com"),
                listener("deep", hostname="*.deep.example.com"),
                listener("exact", hostname="chat.example.com"),
            ]
        ),
    )

    found = snapshot.match_listener(8080, host)

    assert found is not None
    assert name == found.name


def test_no_listener_for_a_host() -> None:
    snapshot = compiled(
        make_gateway_class(), make_gateway(listeners=[listener(hostname="a.example.com")])
    )

    assert snapshot.match_listener(8080, "b.example.com") is None


def test_of_two_gateways_with_one_port_and_host_the_older_has_it() -> None:
    snapshot = compiled(
        make_gateway_class(),
        make_gateway("young", created="2026-02-01T00:00:00Z"),
        make_gateway("old", created="2026-01-01T00:00:00Z"),
    )

    assert Listener(ObjectKey("default", "old"), "http", 8080, "") == snapshot.match_listener(
        8080, "x"
    )
    assert snapshot.gateways[ObjectKey("default", "young")].listeners[0].conflict


def test_ports_of_the_process_are_not_given_away() -> None:
    snapshot = compiled(make_gateway_class(), make_gateway(listeners=[listener(port=9090)]))

    assert frozenset() == snapshot.ports


def test_first_rule_whose_conditions_hold_decides() -> None:
    rules: list[dict[str, Any]] = [
        {
            "modelMatch": {"headers": {"User-Type": {"exact": "premium"}}},
            "targetModels": [target("large")],
        },
        {"modelMatch": {"uri": {"prefix": "/v1/chat"}}, "targetModels": [target("chat")]},
        {"modelMatch": {"headers": {"x": {"regex": "^b+$"}}}, "targetModels": [target("regex")]},
        {"targetModels": [target("small")]},
    ]
    snapshot = compiled(*served(make_model_route(parents=[DEFAULT], rules=rules)))

    assert ask(snapshot, user_type="premium").backend.key.name == "large"
    assert ask(snapshot, path="/v1/chat/completions").backend.key.name == "chat"
    assert ask(snapshot, x="bbb").backend.key.name == "regex"
    assert ask(snapshot, x="abbb").backend.key.name == "small"


def test_rule_with_an_unreadable_regex_never_matches_and_harms_no_other() -> None:
    rules: list[dict[str, Any]] = [
        {"modelMatch": {"uri": {"regex": "["}}, "targetModels": [target("a")]},
        {"targetModels": [target("b")]},
    ]
    snapshot = compiled(*served(make_model_route(parents=[DEFAULT], rules=rules)))

    assert ask(snapshot).backend.key.name == "b"
    assert "rule 0" in snapshot.routes[ObjectKey("default", "route")].problems[0]


def test_oldest_route_wins_and_the_next_one_is_tried_when_its_rules_do_not_match() -> None:
    picky = [{"modelMatch": {"headers": {"a": {"exact": "1"}}}, "targetModels": [target("old")]}]
    snapshot = compiled(
        *served(
            make_model_route("z", parents=[DEFAULT], rules=picky, created="2026-01-01T00:00:00Z"),
            make_model_route("a", parents=[DEFAULT], created="2026-01-02T00:00:00Z"),
        )
    )

    assert ask(snapshot, a="1").route.name == "z"
    assert ask(snapshot).route.name == "a"


def test_adapters_keep_their_name_and_base_models_are_rewritten() -> None:
    snapshot = compiled(
        make_gateway_class(),
        make_gateway(),
        make_model_server(model="real"),
        make_model_route(parents=[DEFAULT], loraAdapters=["lora-a"]),
    )

    base, adapter = ask(snapshot), ask(snapshot, "lora-a")

    assert ("real", False) == (base.upstream_model, base.is_lora)
    assert ("lora-a", True) == (adapter.upstream_model, adapter.is_lora)


def test_base_route_of_another_gateway_does_not_hide_an_adapter() -> None:
    snapshot = compiled(
        make_gateway_class(),
        make_gateway("a", listeners=[listener(port=1000)]),
        make_gateway("b", listeners=[listener(port=2000)]),
        make_model_route("base", model="x", parents=[{"name": "a"}]),
        make_model_route("lora", model="y", loraAdapters=["x"], parents=[{"name": "b"}]),
    )

    assert ask(snapshot, "x", port=2000).route.name == "lora"


def test_weights_share_requests_and_skip_targets_without_endpoints() -> None:
    rules = [{"targetModels": [target("server", weight=70), target("other", weight=30)]}]
    both = served(
        make_model_route(parents=[DEFAULT], rules=rules),
        make_model_server("other"),
        make_pod("p2", labels={"app": "other"}, address="127.1.0.2"),
    )

    assert ask(compiled(*both), dice=0.69).backend.key.name == "server"
    assert ask(compiled(*both), dice=0.71).backend.key.name == "other"
    assert ask(compiled(*both[:-1]), dice=0.99).backend.key.name == "server"


def test_external_provider_is_refused_in_words() -> None:
    rules = [{"targetModels": [{"externalModelProviderName": "openai"}]}]
    snapshot = compiled(*served(make_model_route(parents=[DEFAULT], rules=rules)))

    with pytest.raises(FeatureMissing, match="openai"):
        ask(snapshot)


@pytest.mark.parametrize(
    "pod",
    [
        make_pod(labels={"app": "server"}, ready=False),
        make_pod(labels={"app": "server"}, deletionTimestamp="2026-01-01T00:00:00Z"),
        make_pod(labels={"app": "other"}),
        make_pod(namespace="elsewhere", labels={"app": "server"}),
        make_pod(labels={"app": "server"}, address=""),
    ],
)
def test_pods_that_are_not_ready_or_not_selected_get_nothing(pod: Object) -> None:
    snapshot = compiled(make_model_server(), pod)

    assert () == snapshot.endpoints


def test_empty_selector_selects_nothing() -> None:
    snapshot = compiled(make_model_server(labels={}), make_pod(labels={"app": "server"}))

    assert () == snapshot.endpoints


@pytest.mark.parametrize(
    ("text", "seconds"), [("10s", 10.0), ("1m30s", 90.0), ("soon", None), ("0", None)]
)
def test_timeout_is_read_as_go_reads_it(text: str, seconds: float | None) -> None:
    snapshot = compiled(make_model_server(trafficPolicy={"timeout": text}))

    backend = snapshot.backends[ObjectKey("default", "server")]
    assert seconds == backend.timeout
    assert (text == "soon") == bool(backend.problem)


def test_models_are_those_that_the_listener_can_serve() -> None:
    snapshot = compiled(
        *served(
            make_model_route("a", model="b-model", parents=[DEFAULT], loraAdapters=["a-lora"]),
            make_model_route("b", model="unbound"),
            make_model_route(
                "c", model="no-pods", parents=[DEFAULT], rules=[{"targetModels": [target("x")]}]
            ),
        )
    )

    assert ("a-lora", "b-model") == snapshot.models(snapshot.match_listener(8080, "x"))
    assert snapshot.knows_model("unbound")
    assert not snapshot.knows_model("never-heard-of")


def test_order_of_objects_does_not_matter() -> None:
    objects = (
        make_gateway_class(),
        make_gateway("a"),
        make_gateway("b"),
        make_model_route("r1", parents=[{"name": "a"}]),
        make_model_route("r2", parents=[{"name": "a"}]),
    )

    results = {
        (ask(compiled(*order)).route, compiled(*order).match_listener(8080, "x"))
        for order in permutations(objects)
    }

    assert 1 == len(results)
