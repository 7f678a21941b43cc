"""The types of the variable `authorizer` ("Kubernetes authorizer library")."""

from kthena_sandbox.schema.cel.library import Library
from kthena_sandbox.schema.cel.types import Type

_SPACE = "kubernetes.authorization"
REQUEST_RESOURCE = "requestResource"
AUTHORIZER = Type(f"{_SPACE}.Authorizer", (), {REQUEST_RESOURCE: Type(f"{_SPACE}.ResourceCheck")})
LIBRARY = Library(
    signatures=f"""
    path: {_SPACE}.Authorizer.(string) -> {_SPACE}.PathCheck
    group: {_SPACE}.Authorizer.(string) -> {_SPACE}.GroupCheck
    serviceAccount: {_SPACE}.Authorizer.(string, string) -> {_SPACE}.Authorizer
    resource: {_SPACE}.GroupCheck.(string) -> {_SPACE}.ResourceCheck
    subresource: {_SPACE}.ResourceCheck.(string) -> {_SPACE}.ResourceCheck
    namespace: {_SPACE}.ResourceCheck.(string) -> {_SPACE}.ResourceCheck
    name: {_SPACE}.ResourceCheck.(string) -> {_SPACE}.ResourceCheck
    check: {_SPACE}.PathCheck.(string) -> {_SPACE}.Decision
    check: {_SPACE}.ResourceCheck.(string) -> {_SPACE}.Decision
    allowed: {_SPACE}.Decision.() -> bool
    errored: {_SPACE}.Decision.() -> bool
    error: {_SPACE}.Decision.() -> string
    reason: {_SPACE}.Decision.() -> string
    """
)
