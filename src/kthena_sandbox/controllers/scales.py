"""Where the scale of an owner is found that no controller here knows: by what its group serves."""

from dataclasses import dataclass

from kthena_sandbox.client import ApiError, Client
from kthena_sandbox.kinds import Document, Kind


@dataclass(frozen=True)
class Served:
    """A kind that is served, and whether it has the subresource `scale`."""

    kind: Kind
    has_scale: bool

    @property
    def resource(self) -> str:
        """Its name with its group, as Kubernetes tells it."""
        return f"{self.kind.plural}.{self.kind.group}" if self.kind.group else self.kind.plural


async def find_served(client: Client, reference: Document) -> Served | None:
    """The kind that a reference names by `apiVersion` and `kind`; None where it is not served. Raises ApiAway."""
    group, _, version = reference["apiVersion"].rpartition("/")
    root = f"/apis/{group}/{version}" if group else f"/api/{version}"
    try:
        listed = await client.call("GET", root)
    except ApiError:
        return None
    names = {entry["name"] for entry in listed["resources"]}
    for entry in listed["resources"]:
        if entry["kind"] == reference["kind"] and "/" not in entry["name"]:
            kind = Kind(group, version, entry["kind"], entry["name"], entry["namespaced"])
            return Served(kind, f"{entry['name']}/scale" in names)
    return None
