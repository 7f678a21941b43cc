"""What the requests know of a kind of objects: a good one, and how it may be changed or spoilt."""

import copy
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

Document = dict[str, Any]
NAMESPACE = "differential"


@dataclass(frozen=True)
class Kind:
    """One resource. *spec*: what a good object has beside its metadata. *patches*: changes as merge patches."""

    resource: str
    kind: str
    api_version: str
    spec: Document
    patches: Sequence[Document] = ()
    spoilt: Sequence[Document] = ()  # merged into a good object, it is refused
    status: bool = False
    scale: bool = False
    namespaced: bool = True

    @property
    def custom(self) -> bool:
        """Whether a CRD defines it."""
        group = self.api_version.partition("/")[0]
        return group.startswith(("gateway.", "inference.", "networking.serving."))

    @property
    def collection(self) -> str:
        """Return the path of all objects."""
        group = "/api" if "/" not in self.api_version else "/apis"
        place = f"/namespaces/{NAMESPACE}" if self.namespaced else ""
        return f"{group}/{self.api_version}{place}/{self.resource}"

    def path(self, name: str) -> str:
        """Return the path of one object."""
        return f"{self.collection}/{name}"

    def good(self, name: str, **metadata: Any) -> Document:
        """Return an object that is accepted."""
        document = copy.deepcopy(self.spec)
        own = {"name": name} | ({"namespace": NAMESPACE} if self.namespaced else {}) | metadata
        return {"apiVersion": self.api_version, "kind": self.kind, "metadata": own} | document


CONTAINER: Document = {"name": "main", "image": "nginx:1.27"}
TEMPLATE: Document = {"metadata": {"labels": {"app": "a"}}, "spec": {"containers": [CONTAINER]}}
SELECTOR: Document = {"matchLabels": {"app": "a"}}
