"""Defaults of built-in kinds that depend on other fields (kubernetes/pkg/apis/*/v1/defaults.go and conversion.go).

Every function takes an object that has its schema's plain defaults; fields may still be of any type.
"""

import base64
from typing import Any

from kthena_sandbox.schema.volumerules import claim_template_defaults

Document = dict[str, Any]
_NO_LIMIT = 2**31 - 1
_VOLUME_FIELDS = frozenset({"name"})
_NODE_INFO = (
    "machineID", "systemUUID", "bootID", "kernelVersion", "osImage", "containerRuntimeVersion", "kubeletVersion",
    "kubeProxyVersion", "operatingSystem", "architecture",
)  # fmt: skip


def _map(value: Any) -> Document:
    return value if isinstance(value, dict) else {}


def pod_defaults(pod: Document) -> Document:
    """A Pod: what its template would have, links to services, and requests for what is limited."""
    spec = pod.get("spec")
    if not isinstance(spec, dict):
        return pod
    filled: Document = {"enableServiceLinks": True} | _pod_spec(spec)
    for name in ("containers", "initContainers"):
        if isinstance(spec.get(name), list):
            filled[name] = [_with_requests(entry) for entry in filled[name]]
    return pod | {"spec": filled}


def _with_requests(container: Any) -> Any:
    """Limits are also requests unless those are given."""
    resources = _map(_map(container).get("resources"))
    limits = resources.get("limits")
    if not isinstance(limits, dict):
        return container
    requests = limits | _map(resources.get("requests"))
    return container | {"resources": resources | {"requests": requests}}


TEMPLATE_COUNT = "deprecated.daemonset.template.generation"


def template_defaults(workload: Document) -> Document:
    """An object with a pod template in `spec.template`."""
    spec = _map(workload.get("spec"))
    template = _map(spec.get("template"))
    if not isinstance(template.get("spec"), dict):
        return workload
    filled = template | {"spec": _pod_spec(template["spec"])}
    return workload | {"spec": spec | {"template": filled}}


def pod_template_defaults(pod_template: Document) -> Document:
    """A PodTemplate."""
    filled: Document = template_defaults({"spec": pod_template})["spec"]
    return filled


def replication_controller_defaults(controller: Document) -> Document:
    """A ReplicationController: its template, from whose labels it takes its own and its selector where it has none."""
    filled = template_defaults(controller)
    spec = _map(filled.get("spec"))
    labels = _map(_map(_map(spec.get("template")).get("metadata")).get("labels"))
    if not labels:
        return filled
    if not spec.get("selector"):
        filled = filled | {"spec": spec | {"selector": labels}}
    metadata = _map(filled.get("metadata"))
    return (
        filled if metadata.get("labels") else filled | {"metadata": metadata | {"labels": labels}}
    )


def deployment_defaults(deployment: Document) -> Document:
    """A Deployment: its template, and the limits of a rolling update."""
    rolling = {"maxSurge": "25%", "maxUnavailable": "25%"}
    return _with_strategy(template_defaults(deployment), rolling, "strategy")


def stateful_set_defaults(stateful_set: Document) -> Document:
    """A StatefulSet: its template, its claims, and where a rolling update stops."""
    filled = _with_strategy(template_defaults(stateful_set), {"partition": 0})
    spec = _map(filled.get("spec"))
    if not isinstance(spec.get("volumeClaimTemplates"), list):
        return filled
    claims = [claim_template_defaults(entry) for entry in spec["volumeClaimTemplates"]]
    return filled | {"spec": spec | {"volumeClaimTemplates": claims}}


def daemon_set_defaults(daemon_set: Document) -> Document:
    """A DaemonSet: its template, the limits of a rolling update, and the annotation that counts templates."""
    metadata = _map(daemon_set.get("metadata"))
    annotations = {TEMPLATE_COUNT: "0"} | _map(metadata.get("annotations"))
    counted = daemon_set | {"metadata": metadata | {"annotations": annotations}}
    return _with_strategy(template_defaults(counted), {"maxSurge": 0, "maxUnavailable": 1})


def _with_strategy(
    workload: Document, rolling: Document, field: str = "updateStrategy"
) -> Document:
    spec = workload.get("spec")
    strategy = _map(spec).get(field)
    if not isinstance(spec, dict) or not isinstance(strategy, dict):
        return workload
    if strategy.get("type") != "RollingUpdate" or "rollingUpdate" in strategy:
        return workload
    filled = strategy | {"rollingUpdate": rolling}
    return workload | {"spec": spec | {field: filled}}


def job_defaults(job: Document) -> Document:
    """A Job: how often and how many at once."""
    filled = template_defaults(job)
    spec = filled.get("spec")
    if not isinstance(spec, dict):
        return filled
    completions = {} if {"completions", "parallelism"} & set(spec) else {"completions": 1}
    policy = spec.get("podFailurePolicy")
    usual: Document = {
        "parallelism": 1, "backoffLimit": 6 if spec.get("backoffLimitPerIndex") is None else _NO_LIMIT,
        "podReplacementPolicy": "TerminatingOrFailed" if policy is None else "Failed",
        "manualSelector": False, "suspend": False, "completionMode": "NonIndexed",
    }  # fmt: skip
    spec = {**completions, **usual, **spec}
    if isinstance(policy, dict) and isinstance(policy.get("rules"), list):
        spec["podFailurePolicy"] = policy | {
            "rules": [_failure_rule(rule) for rule in policy["rules"]]
        }
    return filled | {"spec": spec}


def job_labels(job: Document) -> Document:
    """A Job without labels has those of its template, with what the server has just put there."""
    template = _map(_map(job.get("spec")).get("template"))
    labels, metadata = _map(_map(template.get("metadata")).get("labels")), _map(job.get("metadata"))
    if not labels or metadata.get("labels"):
        return job
    return job | {"metadata": metadata | {"labels": dict(labels)}}


def _failure_rule(rule: Any) -> Any:
    """A condition is one that holds where nothing else is said."""
    if not isinstance(rule, dict) or not isinstance(rule.get("onPodConditions"), list):
        return rule
    patterns = [
        {"status": "True"} | entry if isinstance(entry, dict) else entry
        for entry in rule["onPodConditions"]
    ]
    return rule | {"onPodConditions": patterns}


def _pod_spec(spec: Document) -> Document:
    filled = dict(spec)
    account = spec.get("serviceAccountName") or spec.get("serviceAccount")
    if account:  # two names for one field
        filled |= {"serviceAccount": account, "serviceAccountName": account}
    host_network = spec.get("hostNetwork") is True
    for name in ("initContainers", "containers"):
        if isinstance(spec.get(name), list):
            filled[name] = [_container(entry, host_network=host_network) for entry in spec[name]]
    if isinstance(spec.get("volumes"), list):
        filled["volumes"] = [_volume(entry) for entry in spec["volumes"]]
    return filled


def _container(container: Any, *, host_network: bool) -> Any:
    if not isinstance(container, dict):
        return container
    filled = dict(container)
    image = container.get("image")
    if not container.get("imagePullPolicy") and isinstance(image, str) and image:
        filled["imagePullPolicy"] = pull_policy(image)
    if host_network and isinstance(container.get("ports"), list):
        filled["ports"] = [_with_host_port(entry) for entry in container["ports"]]
    return filled


def _with_host_port(port: Any) -> Any:
    if not isinstance(port, dict) or "containerPort" not in port:
        return port
    return {"hostPort": port["containerPort"]} | port


def pull_policy(image: str) -> str:
    """Always for `latest`, said or not; IfNotPresent for any other tag or a digest."""
    _, _, last = image.rpartition("/")
    if "@" in last:
        return "IfNotPresent"
    _, _, tag = last.partition(":")
    return "Always" if tag in {"", "latest"} else "IfNotPresent"


def _volume(volume: Any) -> Any:
    if isinstance(volume, dict) and not volume.keys() - _VOLUME_FIELDS:
        return volume | {"emptyDir": {}}
    ephemeral = _map(_map(volume).get("ephemeral"))
    template = ephemeral.get("volumeClaimTemplate")
    if not isinstance(template, dict):
        return volume
    spec = {"volumeMode": "Filesystem"} | _map(template.get("spec"))
    filled: Document = {"metadata": {}} | template | {"spec": spec}
    return volume | {"ephemeral": ephemeral | {"volumeClaimTemplate": filled}}


def service_defaults(service: Document) -> Document:
    """A Service: target ports, and what its type brings along."""
    spec = service.get("spec")
    if not isinstance(spec, dict):
        return service
    filled = dict(spec)
    if isinstance(spec.get("ports"), list):
        filled["ports"] = [_service_port(entry) for entry in spec["ports"]]
    kind = spec.get("type")
    if kind != "ExternalName":
        filled.setdefault("internalTrafficPolicy", "Cluster")
    if kind in ("NodePort", "LoadBalancer") or (kind != "ExternalName" and spec.get("externalIPs")):
        filled.setdefault("externalTrafficPolicy", "Cluster")
    if kind == "LoadBalancer":
        filled.setdefault("allocateLoadBalancerNodePorts", True)
    if spec.get("sessionAffinity") == "None":
        filled.pop("sessionAffinityConfig", None)
    if spec.get("sessionAffinity") == "ClientIP":
        filled.setdefault("sessionAffinityConfig", {"clientIP": {"timeoutSeconds": 10800}})
    return service | {"spec": filled}


def _service_port(port: Any) -> Any:
    if (
        not isinstance(port, dict)
        or "port" not in port
        or port.get("targetPort") not in (None, "", 0)
    ):
        return port
    return port | {"targetPort": port["port"]}


def namespace_defaults(namespace: Document) -> Document:
    """A Namespace: the label with its name."""
    metadata = _map(namespace.get("metadata"))
    name, labels = metadata.get("name"), metadata.get("labels") or {}
    if not name or not isinstance(labels, dict):
        return namespace
    named = labels | {"kubernetes.io/metadata.name": name}
    return namespace | {"metadata": metadata | {"labels": named}}


def node_defaults(node: Document) -> Document:
    """A Node: its first range of addresses under both names, and a status whose structs are never left out."""
    spec, status = _map(node.get("spec")), _map(node.get("status"))
    if spec.get("podCIDR"):
        ranges = spec.get("podCIDRs")
        others = ranges[1:] if isinstance(ranges, list) and ranges[:1] == [spec["podCIDR"]] else []
        spec = spec | {"podCIDRs": [spec["podCIDR"], *others]}
    elif isinstance(spec.get("podCIDRs"), list) and spec["podCIDRs"]:
        spec = spec | {"podCIDR": spec["podCIDRs"][0]}
    info = dict.fromkeys(_NODE_INFO, "") | _map(status.get("nodeInfo"))
    endpoints = {"kubeletEndpoint": {"Port": 0}} | _map(status.get("daemonEndpoints"))
    return node | {
        "spec": spec,
        "status": status | {"daemonEndpoints": endpoints, "nodeInfo": info},
    }


def secret_defaults(secret: Document) -> Document:
    """A Secret: its type, and what came as text with the rest of its data."""
    kept = {name: value for name, value in secret.items() if name != "stringData"}
    filled = kept | {"type": secret.get("type") or "Opaque"}
    texts = secret.get("stringData")
    if not isinstance(texts, dict):
        return filled
    encoded = {name: base64.b64encode(str(text).encode()).decode() for name, text in texts.items()}
    return filled | {"data": _map(secret.get("data")) | encoded}


def definition_defaults(definition: Document) -> Document:
    """A CustomResourceDefinition: the names that follow from its kind, and no conversion."""
    spec = _map(definition.get("spec"))
    names = _map(spec.get("names"))
    if not names:
        return definition
    kind = str(names.get("kind", ""))
    defaults = {"singular": kind.lower(), "listKind": f"{kind}List"}
    conversion = _map(spec.get("conversion")) if "conversion" in spec else {"strategy": "None"}
    webhook = _map(conversion.get("webhook"))
    config = _map(webhook.get("clientConfig"))
    if service := _map(config.get("service")):
        config = config | {"service": {"port": 443} | service}
        conversion = conversion | {"webhook": webhook | {"clientConfig": config}}
    own = {"conversion": conversion, "names": defaults | names}
    return definition | {"spec": spec | own}


def binding_defaults(binding: Document) -> Document:
    """A RoleBinding or ClusterRoleBinding: the API group of its role, and of users and groups."""
    role = _map(binding.get("roleRef"))
    if not role.get("apiGroup"):
        binding = binding | {"roleRef": role | {"apiGroup": "rbac.authorization.k8s.io"}}
    subjects = binding.get("subjects")
    if not isinstance(subjects, list):
        return binding
    return binding | {"subjects": [_subject(entry) for entry in subjects]}


def _subject(subject: Any) -> Any:
    if _map(subject).get("kind") in ("User", "Group") and not subject.get("apiGroup"):
        return subject | {"apiGroup": "rbac.authorization.k8s.io"}
    return subject
