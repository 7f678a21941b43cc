"""Which StorageClass a volume or claim is of, and which class is the default."""

from typing import Any

from kthena_sandbox.schema.reading import table_of, text

Document = dict[str, Any]
BETA_CLASS = "volume.beta.kubernetes.io/storage-class"  # the annotation of old that names a class
DEFAULT_CLASS = "storageclass.kubernetes.io/is-default-class"
_DEFAULT = (DEFAULT_CLASS, "storageclass.beta.kubernetes.io/is-default-class")


def class_of(document: Document) -> str:
    """The class of a volume or claim, "" for none."""
    annotations = table_of(document, "metadata.annotations")
    return str(annotations.get(BETA_CLASS) or text(document, "spec.storageClassName"))


def is_default(storage_class: Document) -> bool:
    """Whether claims that name no class get this one."""
    annotations = table_of(storage_class, "metadata.annotations")
    return any(annotations.get(key) == "true" for key in _DEFAULT)
