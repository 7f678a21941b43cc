"""Kinds of names and the words with which Kubernetes refuses others (k8s.io/apimachinery/pkg/util/validation)."""

import re

_LABEL = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?")
_DNS1035 = re.compile(r"[a-z]([-a-z0-9]*[a-z0-9])?")
_CONFIG_KEY = re.compile(r"[-._a-zA-Z0-9]+")
_PORT_NAME = re.compile(r"[-a-z0-9]+")
_LABEL_TEXT = (
    "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must "
    "start and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for "
    "validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')"
)
_DNS1035_TEXT = (
    "a DNS-1035 label must consist of lower case alphanumeric characters or '-', "
    "start with an alphabetic character, and end with an alphanumeric character "
    f"(e.g. 'my-name',  or 'abc-123', regex used for validation is '{_DNS1035.pattern}')"
)
_QUALIFIED = re.compile(r"([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]")
_QUALIFIED_TEXT = (
    "must consist of alphanumeric characters, '-', '_' or '.', "
    "and must start and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  "
    f"or '123-abc', regex used for validation is '{_QUALIFIED.pattern}')"
)
_WITH_PREFIX = "with an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName')"
_VALUE = re.compile(rf"({_QUALIFIED.pattern})?")
_VALUE_TEXT = (
    "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', "
    "and must start and end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  "
    f"or '12345', regex used for validation is '{_VALUE.pattern}')"
)
_SUBDOMAIN = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")
_SUBDOMAIN_TEXT = (
    "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', "
    "and must start and end with an alphanumeric character (e.g. 'example.com', "
    f"regex used for validation is '{_SUBDOMAIN.pattern}')"
)
_WILDCARD = re.compile(rf"\*\.{_SUBDOMAIN.pattern}")
_WILDCARD_TEXT = (
    "a wildcard DNS-1123 subdomain must start with '*.', followed by a valid DNS subdomain, which must "
    "consist of lower case alphanumeric characters, '-' or '.' and end with an alphanumeric character "
    f"(e.g. '*.example.com', regex used for validation is '{_WILDCARD.pattern}')"
)
_CONFIG_KEY_TEXT = (
    "a valid config key must consist of alphanumeric characters, '-', '_' or '.' (e.g. 'key.name',  "
    "or 'KEY_NAME',  or 'key-name', regex used for validation is '[-._a-zA-Z0-9]+')"
)


def label_problems(name: str) -> list[str]:
    """Why a text is no DNS-1123 label; empty if it is one."""
    problems = ["must be no more than 63 characters"] if len(name) > 63 else []
    if _LABEL.fullmatch(name):
        return problems
    return [*problems, "must not contain dots" if _SUBDOMAIN.fullmatch(name) else _LABEL_TEXT]


def dns1035_problems(name: str) -> list[str]:
    """Why a text is no DNS-1035 label, as names of Services are."""
    problems = ["must be no more than 63 characters"] if len(name) > 63 else []
    return problems if _DNS1035.fullmatch(name) else [*problems, _DNS1035_TEXT]


def qualified_problems(key: str) -> list[str]:
    """Why a text is no key of a label or annotation, or no finalizer."""
    if key.count("/") > 1:
        return [f"a qualified name {_QUALIFIED_TEXT} {_WITH_PREFIX}"]
    prefix, slash, name = key.rpartition("/")
    problems = []
    if slash and not prefix:
        problems.append("prefix part must be non-empty")
    elif slash:
        problems += [f"prefix part {why}" for why in subdomain_problems(prefix)]
    if not name:
        problems.append("name part must be non-empty")
    elif len(name) > 63:
        problems.append("name part must be no more than 63 characters")
    return problems if _QUALIFIED.fullmatch(name) else [*problems, f"name part {_QUALIFIED_TEXT}"]


def label_value_problems(value: str) -> list[str]:
    """Why a text is no value of a label."""
    problems = ["must be no more than 63 characters"] if len(value) > 63 else []
    return problems if _VALUE.fullmatch(value) else [*problems, _VALUE_TEXT]


def subdomain_problems(name: str) -> list[str]:
    """Why a text is no DNS-1123 subdomain, as most names of objects are."""
    problems = ["must be no more than 253 characters"] if len(name) > 253 else []
    return problems if _SUBDOMAIN.fullmatch(name) else [*problems, _SUBDOMAIN_TEXT]


def host_problems(name: str) -> list[str]:
    """Why a text is no DNS-1123 label, with one word for all dots."""
    problems = ["must be no more than 63 characters"] if len(name) > 63 else []
    if "." in name:
        return [*problems, "must not contain dots"]
    return problems if _LABEL.fullmatch(name) else [*problems, _LABEL_TEXT]


def wildcard_problems(name: str) -> list[str]:
    """Why a text is no DNS-1123 subdomain below a `*`."""
    problems = ["must be no more than 253 characters"] if len(name) > 253 else []
    return problems if _WILDCARD.fullmatch(name) else [*problems, _WILDCARD_TEXT]


def segment_problems(name: str) -> list[str]:
    """Why a text cannot be one segment of a path."""
    if name in {".", ".."}:
        return [f"may not be '{name}'"]
    return [f"may not contain '{mark}'" for mark in "/%" if mark in name]


def config_key_problems(key: str) -> list[str]:
    """Why a text is no key of a ConfigMap or Secret."""
    if len(key) > 253:
        return ["must be no more than 253 characters"]
    if key in {".", ".."}:
        return [f"must not be '{key}'"]
    return [] if _CONFIG_KEY.fullmatch(key) else [_CONFIG_KEY_TEXT]


def port_number_problems(port: int) -> list[str]:
    """Why a number is no port."""
    return [] if 1 <= port <= 65535 else ["must be between 1 and 65535, inclusive"]


def port_name_problems(name: str) -> list[str]:
    """Why a text is no IANA service name."""
    problems = ["must be no more than 15 characters"] if len(name) > 15 else []
    if not _PORT_NAME.fullmatch(name):
        problems.append("must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)")
    if not re.search("[a-z]", name):
        problems.append("must contain at least one letter (a-z)")
    if "--" in name:
        problems.append("must not contain consecutive hyphens")
    if name.startswith("-") or name.endswith("-"):
        problems.append("must not begin or end with a hyphen")
    return problems
