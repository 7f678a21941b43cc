"""What streams and proxies ask for, as the object that admission sees of them (the operation CONNECT)."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qs

from kthena_sandbox.apiserver.calls import Call
from kthena_sandbox.apiserver.errors import method_not_allowed
from kthena_sandbox.apiserver.gates import Attempt, admitted
from kthena_sandbox.resources import ResourceType

Document = dict[str, Any]


def _options(kind: str) -> ResourceType:
    return ResourceType(
        "", "v1", kind, kind.lower(), kind.lower(), namespaced=True, list_kind=f"{kind}List"
    )


_SHAPES: Mapping[tuple[str, str], ResourceType] = {
    ("pods", "attach"): _options("PodAttachOptions"),
    ("pods", "exec"): _options("PodExecOptions"),
    ("pods", "portforward"): _options("PodPortForwardOptions"),
    ("pods", "proxy"): _options("PodProxyOptions"),
    ("services", "proxy"): _options("ServiceProxyOptions"),
    ("nodes", "proxy"): _options("NodeProxyOptions"),
}
_FLAGS = ("stdin", "stdout", "stderr", "tty")


def connects(call: Call) -> bool:
    """Whether a request is for a stream or a proxy."""
    return not call.resource.group and (call.resource.plural, call.target.subresource) in _SHAPES


def admitted_options(call: Call) -> Document:
    """The options of the request, as those want them who are asked. Raises ApiError, and what the gate raises."""
    name = call.target.subresource
    if name != "proxy" and call.request.method not in {"GET", "POST"}:
        raise method_not_allowed()
    shape = _SHAPES[call.resource.plural, name]
    options = {"kind": shape.kind, "apiVersion": "v1"} | _READERS[name](call)
    attempt = Attempt(
        "CONNECT", call.resource, options, None, name, shape=shape, address=call.key
    )  # fmt: skip
    return admitted(call.request.gate, attempt)


def _of_streams(call: Call) -> Document:
    given = parse_qs(call.request.raw_query, keep_blank_values=True)
    shown: Document = {name: True for name in _FLAGS if call.request.flag(name)}
    if container := call.request.query.get("container"):
        shown["container"] = container
    if "command" in given and call.target.subresource == "exec":
        shown["command"] = given["command"]
    return shown


def _of_forwarding(call: Call) -> Document:
    listed = call.request.query.get("ports", "").split(",")
    ports = [int(text) for text in listed if text.isdecimal()]
    return {"ports": ports} if ports else {}


def _of_proxy(call: Call) -> Document:
    path = proxied_path(call)
    return {"path": path} if path else {}


_READERS = {
    "exec": _of_streams, "attach": _of_streams, "portforward": _of_forwarding, "proxy": _of_proxy,
}  # fmt: skip


def proxied_path(call: Call) -> str:
    """What follows `/proxy` in the path of the request."""
    return call.request.path[len(prefix(call)) :]


def prefix(call: Call) -> str:
    """The path of the request up to `/proxy`."""
    target = call.target
    home = f"/namespaces/{target.namespace}" if target.namespace else ""
    return f"/api/{target.version}{home}/{target.resource}/{target.name}/proxy"
