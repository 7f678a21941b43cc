"""networking.k8s.io: Ingresses, their classes, NetworkPolicies."""

from typing import Any

from tests.differential.objects.kind import Kind


def _backend(**port: Any) -> dict[str, Any]:
    return {"service": {"name": "s", "port": port or {"number": 80}}}


def _path(path: str = "/", kind: str = "Prefix") -> dict[str, Any]:
    return {"path": path, "pathType": kind, "backend": _backend()}


def _from(**peer: Any) -> dict[str, Any]:
    return {"spec": {"ingress": [{"from": [peer]}]}}


NETWORKS = (
    Kind(
        "ingresses", "Ingress", "networking.k8s.io/v1",
        {"spec": {"rules": [{"host": "a.example.com", "http": {"paths": [_path()]}}]}},
        patches=(
            {"spec": {"ingressClassName": "one"}}, {"spec": {"defaultBackend": _backend(name="http")}}, {"spec": {"tls": [{"hosts": ["a.example.com"], "secretName": "s"}]}},
            {"spec": {"rules": [{"host": "*.example.com"}, {"http": {"paths": [_path("/a", "Exact"), _path("", "ImplementationSpecific")]}}]}},
            {"metadata": {"annotations": {"kubernetes.io/ingress.class": "one"}}},
            {"spec": {"defaultBackend": {"resource": {"kind": "K", "name": "n"}}}}, {"spec": {"ingressClassName": None}},
        ),
        spoilt=(
            {"spec": {"rules": None}}, {"spec": {"rules": [{"host": "A_"}]}}, {"spec": {"rules": [{"host": "1.2.3.4"}]}}, {"spec": {"rules": [{"http": {"paths": []}}]}},
            {"spec": {"rules": [{"http": {"paths": [_path("a"), _path("/a/../b"), _path("/", "Odd")]}}]}}, {"spec": {"defaultBackend": _backend(number=70000)}},
            {"spec": {"defaultBackend": {}}}, {"spec": {"defaultBackend": _backend(name="Not_one")}}, {"spec": {"tls": [{"hosts": ["*"], "secretName": "S_"}]}},
            {"spec": {"ingressClassName": "C_"}}, {"spec": {"rules": "x"}}, {"spec": {"defaultBackend": _backend(number="x")}}, {"spec": {"extra": 1}},
            {"metadata": {"annotations": {"kubernetes.io/ingress.class": "one"}}, "spec": {"ingressClassName": "two"}},
        ),
        status=True,
    ),
    Kind(
        "ingressclasses", "IngressClass", "networking.k8s.io/v1", {"spec": {"controller": "example.com/c"}},
        patches=(
            {"spec": {"parameters": {"kind": "K", "name": "n"}}}, {"spec": {"parameters": {"kind": "K", "name": "n", "scope": "Namespace", "namespace": "x"}}},
            {"metadata": {"annotations": {"ingressclass.kubernetes.io/is-default-class": "true"}}},
        ),
        spoilt=({"spec": {"controller": "c"}}, {"spec": {"controller": "example.com/d"}}, {"spec": {"parameters": {"kind": "K/", "scope": "Odd"}}}, {"spec": {"parameters": 3}}),
        namespaced=False,
    ),
    Kind(
        "networkpolicies", "NetworkPolicy", "networking.k8s.io/v1", {"spec": {"podSelector": {"matchLabels": {"app": "a"}}}},
        patches=(
            {"spec": {"egress": [{"ports": [{"port": 80}, {"port": "dns", "protocol": "UDP"}]}]}}, {"spec": {"policyTypes": ["Egress"]}}, {"spec": {"podSelector": {}}},
            _from(ipBlock={"cidr": "10.0.0.0/8", "except": ["10.1.0.0/16"]}), _from(podSelector={}, namespaceSelector={"matchLabels": {"a": "b"}}), _from(ipBlock={"cidr": "10.1.2.3/8"}),
        ),
        spoilt=(
            _from(), _from(ipBlock={"cidr": "x"}), _from(ipBlock={"cidr": "10.0.0.0/8", "except": ["11.0.0.0/16"]}), _from(ipBlock={"cidr": "10.0.0.0/8"}, podSelector={}),
            {"spec": {"policyTypes": ["Odd"]}}, {"spec": {"ingress": [{"ports": [{"port": 0, "protocol": "Odd"}, {"port": 5, "endPort": 4}, {"endPort": 4}]}]}},
            {"spec": {"podSelector": {"matchLabels": {"a b": "c"}}}}, {"spec": {"ingress": "x"}}, {"spec": {"podSelector": 1}},
        ),
    ),
)  # fmt: skip
