"""The state behind the API: what is stored, which kinds are served, the time and the dice."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from random import Random
from typing import Any
from uuid import UUID

from kthena_sandbox.apiserver import definitions, lifecycle
from kthena_sandbox.apiserver.catalogue import Catalogue, collection_key
from kthena_sandbox.apiserver.conversion import from_storage, to_storage
from kthena_sandbox.apiserver.conversions import Conversions
from kthena_sandbox.apiserver.definitionnames import is_established, named_status, waits_for_names
from kthena_sandbox.apiserver.errors import Cause, forbidden, not_found
from kthena_sandbox.apiserver.feeds import Feeds
from kthena_sandbox.apiserver.metadata import timestamp
from kthena_sandbox.apiserver.storage import Collection, Key, Store
from kthena_sandbox.apiserver.surroundings import Surroundings
from kthena_sandbox.apiserver.usages import Usages
from kthena_sandbox.resources import ResourceType

Document = dict[str, Any]
_SUFFIX_LETTERS = "bcdfghjklmnpqrstvwxz2456789"  # of apimachinery's util/rand: no vowels, no words


@dataclass(eq=False)
class Cluster:
    """One cluster. Its methods never wait, so each call is a transaction.

    `disabled_plugins` are admission plugins that it does without.
    """

    store: Store
    catalogue: Catalogue
    clock: Callable[[], datetime]
    dice: Random
    disabled_plugins: frozenset[str] = frozenset()
    conversions: Conversions = field(init=False)
    feeds: Feeds = field(default_factory=Feeds)
    usages: Usages = field(default_factory=Usages)

    def __post_init__(self) -> None:
        self.conversions = Conversions(self.clock)

    def kind(self, group: str, version: str, plural: str) -> ResourceType:
        """A kind that is known to be there. Raises LookupError."""
        found = self.catalogue.find(group, version, plural)
        if found is None:
            raise LookupError(f"{plural}.{group}/{version}")
        return found

    def collection(self, resource: ResourceType) -> Collection:
        """The stored objects of the kind."""
        return self.store.collection(collection_key(resource))

    def stored(self, resource: ResourceType, key: Key) -> Document:
        """The object as it is kept. Raises ApiError 404."""
        document = self.store.get(collection_key(resource), key)
        if document is None:
            raise not_found(resource, key.name)
        return document

    def read(self, resource: ResourceType, key: Key) -> Document:
        """The object in the version of *resource*. Raises ApiError 404."""
        return from_storage(resource, self.stored(resource, key), self.conversions)

    def write(self, resource: ResourceType, document: Document) -> Document:
        """Store an object, serve its kind if it defines one; returns it with its resourceVersion."""
        catalogue = self.catalogue
        if definitions.is_definition(resource):
            document = self._named(document)
            catalogue = definitions.defined(catalogue, document)
        kept = to_storage(resource, document, self.conversions)
        if resource.conversion is not None:
            from_storage(resource, kept, self.conversions)  # before anything is written
        stored = self.store.put(collection_key(resource), key_of(document), kept)
        self.catalogue = catalogue
        return from_storage(resource, stored, self.conversions)

    def remove(self, resource: ResourceType, key: Key) -> Document:
        """Delete an object for good; a Service takes its Endpoints along, the last object of a dying CRD the CRD."""
        if resource.conversion is not None:
            self.read(resource, key)  # before anything is written
        last = self.store.delete(collection_key(resource), key)
        if (resource.group, resource.plural) == ("", "services"):
            self._let_endpoints_go(key)
        if definitions.is_definition(resource):
            self.catalogue = definitions.undefined(self.catalogue, last)
            self._hand_on_names(resource, last["spec"]["group"])
        elif resource.custom:
            self.release_definition(f"{resource.plural}.{resource.group}")
        return from_storage(resource, last, self.conversions)

    def _named(self, definition: Document) -> Document:
        """With the conditions that somebody may have taken from its status: what tells of names comes back at once."""
        if is_established(definition) and not waits_for_names(definition):
            return definition
        others = self.store.collection(definitions.COLLECTION).documents.values()
        return definition | {"status": named_status(definition, others, timestamp(self.clock()))}

    def _let_endpoints_go(self, key: Key) -> None:
        """Delete the Endpoints of a Service that is gone, or mark them where something holds them."""
        endpoints = self.kind("", "v1", "endpoints")
        present = self.collection(endpoints).documents.get(key)
        if present is None:
            return
        marked = lifecycle.marked_for_deletion(present, self.clock(), 0)
        if lifecycle.is_finished(marked):
            self.store.delete(collection_key(endpoints), key)
        elif marked != present:
            self.write(endpoints, marked)

    def _hand_on_names(self, resource: ResourceType, group: str) -> None:
        """Give the names that have become free to the first definition that waits for them."""
        listed = self.store.collection(definitions.COLLECTION).documents
        for definition in list(listed.values()):
            if definition["spec"]["group"] != group or not waits_for_names(definition):
                continue
            status = named_status(definition, listed.values(), timestamp(self.clock()))
            if status != definition["status"]:
                self.write(resource, definition | {"status": status})

    def release_definition(self, name: str) -> None:
        """Let a definition go that is being deleted and has no objects left."""
        definition = self.store.get(definitions.COLLECTION, Key("", name))
        if definition is None or "deletionTimestamp" not in definition["metadata"]:
            return
        if self.store.collection(definitions.place_of(definition)).documents:
            return
        resource = self.kind(definitions.GROUP, "v1", definitions.PLURAL)
        released = definitions.released(definition)
        if not released["metadata"].get("finalizers"):
            self.remove(resource, Key("", name))
        elif released != definition:
            self.write(resource, released)

    def surroundings(self, *, dry_run: bool = False) -> Surroundings:
        """What the rules of single kinds may look at."""
        services = self.collection(self.kind("", "v1", "services"))
        present = self.store.collection(definitions.COLLECTION)
        return Surroundings(
            timestamp(self.clock()), services.documents.values, present.documents.values, dry_run
        )

    def uid(self) -> str:
        """A random UUID, version 4."""
        return str(UUID(int=self.dice.getrandbits(128), version=4))

    def suffix(self) -> str:
        """The five characters that complete a `generateName`."""
        return "".join(self.dice.choices(_SUFFIX_LETTERS, k=5))

    def require_namespace(self, resource: ResourceType, namespace: str, name: str) -> None:
        """Refuse new content where it cannot live. Raises ApiError 404, or 403 while it terminates."""
        if resource.custom:
            defined = Key("", f"{resource.plural}.{resource.group}")
            definition = self.store.get(definitions.COLLECTION, defined)
            if definition is not None and definitions.is_going(definition):
                why = "create not allowed while custom resource definition is terminating"
                raise forbidden(resource, name, why)
        if not resource.namespaced:
            return
        home = self.stored(self.kind("", "v1", "namespaces"), Key("", namespace))
        if "deletionTimestamp" not in home["metadata"]:
            return
        going = f"namespace {namespace} is being terminated"
        cause = Cause("NamespaceTerminating", going, "metadata.namespace")
        why = (
            f"unable to create new content in namespace {namespace} because it is being terminated"
        )
        raise forbidden(resource, name, why, [cause])


def key_of(document: Document) -> Key:
    """Where an object is kept in its collection."""
    metadata = document["metadata"]
    return Key(metadata.get("namespace", ""), metadata["name"])
