"""The FlowSchemas and PriorityLevelConfigurations that every cluster has from its first moment, out of `flows.yaml`."""

from collections.abc import Iterator
from importlib import resources
from typing import Any

import yaml

Document = dict[str, Any]
GROUP = "flowcontrol.apiserver.k8s.io"
PRODUCER = "api-priority-and-fairness-config-producer-v1"
_ANNOTATIONS = {"apf.kubernetes.io/autoupdate-spec": "true"}


def default_flows() -> Iterator[tuple[str, Document]]:
    """Each with the plural of its kind."""
    text = (resources.files("kthena_sandbox.apiserver") / "flows.yaml").read_text("utf-8")
    read = yaml.safe_load(text)
    for part, plural in (
        ("priorityLevels", "prioritylevelconfigurations"),
        ("flowSchemas", "flowschemas"),
    ):
        for name, spec in read[part].items():
            metadata = {"name": name, "annotations": dict(_ANNOTATIONS)}
            yield plural, {"metadata": metadata, "spec": spec}
