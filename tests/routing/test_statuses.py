from typing import Any

import msgspec
import pytest
from tests.support.build import (
    listener,
    make_gateway,
    make_gateway_class,
    make_model_route,
    make_model_server,
    make_objects,
    make_pod,
)

from kthena_router.api.gateway import GatewayClassSpec
from kthena_router.api.kinds import GATEWAY, GATEWAY_CLASS, MODEL_ROUTE, MODEL_SERVER, Kind
from kthena_router.api.meta import Object
from kthena_router.routing.gateways import PortState, PortStates
from kthena_router.routing.snapshot import RoutingOptions, compile_snapshot
from kthena_router.routing.status_merge import plan_status
from kthena_router.routing.statuses import DesiredStatus, desired_statuses

OPTIONS = RoutingOptions(
    gateway_api=True,
    default_port=8080,
    reserved_ports=frozenset({9090}),
    addresses=("127.0.0.1",),
)
OPEN: PortStates = {8080: PortState(8080, open=True)}
NOW = "2026-03-01T00:00:00Z"
LATER = "2026-03-02T00:00:00Z"


def statuses(
    *objects: Object, ports: PortStates = OPEN, options: RoutingOptions = OPTIONS
) -> dict[tuple[Kind[Any], str], DesiredStatus]:
    found = make_objects(*objects)
    desired = desired_statuses(found, compile_snapshot(found, options), options, ports)
    return {(one.kind, one.key.name): one for one in desired}


def verdicts(conditions: list[dict[str, Any]]) -> dict[str, tuple[str, str]]:
    return {one["type"]: (one["status"], one["reason"]) for one in conditions}


def of_gateway(gateway: Object, *others: Object, ports: PortStates = OPEN) -> dict[str, Any]:
    return statuses(make_gateway_class(), gateway, *others, ports=ports)[GATEWAY, "default"].status


def of_route(route: Object, *others: Object, options: RoutingOptions = OPTIONS) -> dict[str, Any]:
    return statuses(route, *others, options=options)[MODEL_ROUTE, "route"].status


def test_class_of_ours_is_accepted_and_others_are_left_alone() -> None:
    found = statuses(make_gateway_class(), make_gateway_class("other", "example.com/x"))

    assert {(GATEWAY_CLASS, "kthena-router")} == set(found)
    conditions = verdicts(found[GATEWAY_CLASS, "kthena-router"].status["conditions"])
    assert ("True", "Accepted") == conditions["Accepted"]
    assert ("True", "SupportedVersion") == conditions["SupportedVersion"]


def test_gateway_with_an_open_port_is_programmed() -> None:
    status = of_gateway(make_gateway(), make_model_route(parents=[{"name": "default"}]))

    assert {"Accepted": ("True", "Accepted"), "Programmed": ("True", "Programmed")} == verdicts(
        status["conditions"]
    )
    assert [{"type": "IPAddress", "value": "127.0.0.1"}] == status["addresses"]
    assert 1 == status["listeners"][0]["attachedRoutes"]
    assert [{"group": "networking.serving.volcano.sh", "kind": "ModelRoute"}] == status[
        "listeners"
    ][0]["supportedKinds"]


def test_gateway_is_not_programmed_before_its_port_is_open() -> None:
    status = of_gateway(make_gateway(), ports={})

    assert ("False", "Pending") == verdicts(status["conditions"])["Programmed"]
    assert ("False", "Pending") == verdicts(status["listeners"][0]["conditions"])["Programmed"]


def test_port_that_cannot_be_bound_is_unavailable() -> None:
    status = of_gateway(make_gateway(), ports={8080: PortState(8080, open=False, error="in use")})

    conditions = verdicts(status["listeners"][0]["conditions"])
    assert ("False", "PortUnavailable") == conditions["Accepted"]
    assert ("False", "Pending") == verdicts(status["conditions"])["Programmed"]


def test_reserved_port_is_refused_in_words() -> None:
    status = of_gateway(make_gateway(listeners=[listener(port=9090)]))

    assert ("False", "PortUnavailable") == verdicts(status["listeners"][0]["conditions"])[
        "Accepted"
    ]
    assert ("False", "ListenersNotValid") == verdicts(status["conditions"])["Accepted"]


def test_unknown_protocol_beside_a_valid_listener() -> None:
    mixed = make_gateway(
        listeners=[listener(), {"name": "bad", "port": 1111, "protocol": "INVALID"}]
    )

    status = of_gateway(mixed)

    assert ("True", "ListenersNotValid") == verdicts(status["conditions"])["Accepted"]
    assert ("False", "UnsupportedProtocol") == verdicts(status["listeners"][1]["conditions"])[
        "Accepted"
    ]
    assert [] == status["listeners"][1]["supportedKinds"]


def test_kinds_that_are_not_served_do_not_resolve() -> None:
    status = of_gateway(
        make_gateway(listeners=[listener(allowedRoutes={"kinds": [{"kind": "X"}]})])
    )

    conditions = verdicts(status["listeners"][0]["conditions"])
    assert ("False", "InvalidRouteKinds") == conditions["ResolvedRefs"]
    assert [] == status["listeners"][0]["supportedKinds"]


def test_younger_gateway_on_the_same_port_is_conflicted() -> None:
    found = statuses(
        make_gateway_class(),
        make_gateway("default"),
        make_gateway("late", created="2026-02-01T00:00:00Z"),
    )

    conditions = verdicts(found[GATEWAY, "late"].status["listeners"][0]["conditions"])
    assert ("True", "HostnameConflict") == conditions["Conflicted"]
    assert ("False", "HostnameConflict") == conditions["Accepted"]
    assert "default/default is older" in str(found[GATEWAY, "late"].status)


def test_parameters_are_refused() -> None:
    ref = {"group": "x", "kind": "Y", "name": "z"}
    status = of_gateway(make_gateway(infrastructure={"parametersRef": ref}))

    assert ("False", "InvalidParameters") == verdicts(status["conditions"])["Accepted"]


def test_gateway_that_is_refused_as_a_whole_serves_nothing_and_says_so_everywhere() -> None:
    ref = {"group": "x", "kind": "Y", "name": "z"}
    gateway = make_gateway(infrastructure={"parametersRef": ref})
    route = make_model_route(parents=[{"name": "default"}])

    snapshot = compile_snapshot(make_objects(make_gateway_class(), gateway, route), OPTIONS)
    status = of_gateway(gateway, route)
    of_the_route = of_route(route, make_gateway_class(), gateway)

    assert frozenset() == snapshot.ports
    assert ("False", "Invalid") == verdicts(status["conditions"])["Programmed"]
    assert ("True", "Accepted") == verdicts(status["listeners"][0]["conditions"])["Accepted"]
    assert ("False", "Invalid") == verdicts(status["listeners"][0]["conditions"])["Programmed"]
    assert 0 == status["listeners"][0]["attachedRoutes"]
    assert ("False", "NoReadyListeners") == verdicts(of_the_route["conditions"])["Accepted"]
    assert "takes no parameters" in of_the_route["conditions"][0]["message"]


def test_gateways_of_a_class_with_parameters_are_left_alone() -> None:
    refused = msgspec.structs.replace(
        make_gateway_class(),
        spec=GatewayClassSpec("volcano.sh/kthena-router", parameters_ref={"name": "x"}),
    )

    found = statuses(refused, make_gateway())

    assert {(GATEWAY_CLASS, "kthena-router")} == set(found)
    conditions = verdicts(found[GATEWAY_CLASS, "kthena-router"].status["conditions"])
    assert ("False", "InvalidParameters") == conditions["Accepted"]


@pytest.mark.parametrize(
    ("asked", "accepted", "programmed", "shown"),
    [
        ([], ("True", "Accepted"), ("True", "Programmed"), ["127.0.0.1"]),
        ([{"type": "IPAddress"}], ("True", "Accepted"), ("True", "Programmed"), ["127.0.0.1"]),
        (
            [{"type": "IPAddress", "value": "127.0.0.1"}],
            ("True", "Accepted"),
            ("True", "Programmed"),
            ["127.0.0.1"],
        ),
        (
            [{"type": "IPAddress", "value": "192.0.2.1"}],
            ("True", "Accepted"),
            ("False", "AddressNotUsable"),
            [],
        ),
        (
            [{"type": "test/fake", "value": "x"}],
            ("False", "UnsupportedAddress"),
            ("False", "Invalid"),
            [],
        ),
    ],
)
def test_addresses_that_a_gateway_asks_for(
    asked: list[dict[str, str]],
    accepted: tuple[str, str],
    programmed: tuple[str, str],
    shown: list[str],
) -> None:
    status = of_gateway(make_gateway(addresses=asked))

    assert {"Accepted": accepted, "Programmed": programmed} == verdicts(status["conditions"])
    assert shown == [one["value"] for one in status["addresses"]]


def test_route_on_a_conflicted_listener_is_not_accepted_and_not_counted() -> None:
    route = make_model_route(parents=[{"name": "late"}])
    late = make_gateway("late", created="2026-02-01T00:00:00Z")

    found = statuses(make_gateway_class(), make_gateway("default"), late, route)

    accepted = found[MODEL_ROUTE, "route"].status["conditions"][0]
    assert ("False", "NoReadyListeners") == (accepted["status"], accepted["reason"])
    assert "default/default is older" in accepted["message"]
    assert 0 == found[GATEWAY, "late"].status["listeners"][0]["attachedRoutes"]


def test_route_that_only_some_gateways_take_names_the_others() -> None:
    route = make_model_route(parents=[{"name": "default"}, {"name": "nowhere"}])

    accepted = of_route(route, make_gateway_class(), make_gateway())["conditions"][0]

    assert ("True", "Accepted") == (accepted["status"], accepted["reason"])
    assert "there is no Gateway default/nowhere" in accepted["message"]


def test_route_without_parent_refs_says_what_to_do() -> None:
    status = of_route(make_model_route())

    assert ("False", "ParentRefsRequired") == verdicts(status["conditions"])["Accepted"]
    assert [] == status["parents"]


def test_route_to_an_unknown_gateway_section_or_namespace_says_so() -> None:
    gateway = (make_gateway_class(), make_gateway())
    cases = {
        "NoMatchingParent": make_model_route(parents=[{"name": "nowhere"}]),
        "NotAllowedByListeners": make_model_route(
            namespace="other", parents=[{"name": "default", "namespace": "default"}]
        ),
        "InvalidKind": make_model_route(parents=[{"name": "x", "kind": "Service"}]),
    }

    for reason, route in cases.items():
        status = of_route(route, *gateway)
        assert ("False", reason) == verdicts(status["conditions"])["Accepted"]
        assert ("False", reason) == verdicts(status["parents"][0]["conditions"])["Accepted"]
    wrong_section = of_route(
        make_model_route(parents=[{"name": "default", "sectionName": "x"}]), *gateway
    )
    assert "has no listener named x" in wrong_section["conditions"][0]["message"]


def test_missing_model_server_does_not_resolve() -> None:
    status = of_route(
        make_model_route(parents=[{"name": "default"}]), make_gateway_class(), make_gateway()
    )

    assert ("False", "BackendNotFound") == verdicts(status["conditions"])["ResolvedRefs"]
    assert ("True", "Accepted") == verdicts(status["conditions"])["Accepted"]


def test_what_is_not_there_yet_is_said() -> None:
    route = of_route(make_model_route(rateLimit={"unit": "minute", "inputTokensPerUnit": 1}))

    assert ("False", "NotImplemented") == verdicts(route["conditions"])["Supported"]


def test_model_server_counts_its_endpoints() -> None:
    found = statuses(make_model_server(), make_pod(labels={"app": "server"}))[
        MODEL_SERVER, "server"
    ].status

    assert 1 == found["readyEndpoints"]
    assert ("True", "EndpointsReady") == verdicts(found["conditions"])["Ready"]


def test_time_moves_only_when_a_condition_flips() -> None:
    desired = statuses(make_gateway_class(), make_gateway())[GATEWAY, "default"]
    first = plan_status({}, desired, NOW)
    assert first is not None

    assert plan_status(first, desired, LATER) is None
    closed = statuses(make_gateway_class(), make_gateway(), ports={})[GATEWAY, "default"]
    second = plan_status(first, closed, LATER)
    assert second is not None
    times = {one["type"]: one["lastTransitionTime"] for one in second["conditions"]}
    assert {"Accepted": NOW, "Programmed": LATER} == times


def test_conditions_and_parents_of_others_are_kept() -> None:
    theirs = {
        "type": "Theirs",
        "status": "True",
        "reason": "R",
        "message": "",
        "lastTransitionTime": NOW,
    }
    parent = {"controllerName": "example.com/x", "parentRef": {"name": "x"}, "conditions": []}
    desired = statuses(make_model_route())[MODEL_ROUTE, "route"]

    planned = plan_status({"conditions": [theirs], "parents": [parent]}, desired, NOW)

    assert planned is not None
    assert theirs in planned["conditions"]
    assert [parent] == planned["parents"]


def test_newer_generation_of_somebody_else_is_not_overwritten() -> None:
    desired = statuses(make_model_route())[MODEL_ROUTE, "route"]
    newer = {"type": "Accepted", "status": "True", "reason": "R", "observedGeneration": 2}

    assert plan_status({"conditions": [newer]}, desired, NOW) is None
