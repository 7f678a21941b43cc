"""The three ways to patch an object: RFC 6902, RFC 7386, and Kubernetes' strategic merge."""

from kthena_sandbox.schema.jsonpatch import json_patch
from kthena_sandbox.schema.mergepatch import merge_patch
from kthena_sandbox.schema.patcherror import PatchError
from kthena_sandbox.schema.strategic import followed, strategic_merge

__all__ = ["PatchError", "followed", "json_patch", "merge_patch", "strategic_merge"]
