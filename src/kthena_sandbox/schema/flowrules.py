"""Rules and defaults of FlowSchemas and PriorityLevelConfigurations.

They are asked only about objects whose fields have the types of the schema.
"""

import math
from typing import Any

from kthena_sandbox.schema import fielderrors as errors, names
from kthena_sandbox.schema.fielderrors import FieldError

Document = dict[str, Any]
_PRECEDENCE = 1000
_LAST = 10_000
_VERBS = (
    "create", "delete", "deletecollection", "get", "list", "patch", "proxy", "update", "watch",
)  # fmt: skip
_SUBJECTS = {"User": "user", "Group": "group", "ServiceAccount": "serviceAccount"}
_SHARES = 30
_QUEUING = {"queues": 64, "handSize": 8, "queueLengthLimit": 50}
_MOST_QUEUES = 10_000_000
_MOST_BITS = 60
_NEVER_NULL = "must be nil if "


def _map(value: Any) -> Document:
    return value if isinstance(value, dict) else {}


def flow_schema_defaults(document: Document) -> Document:
    """A FlowSchema: where it stands among the others."""
    spec = _map(document.get("spec"))
    if spec.get("matchingPrecedence"):
        return document
    return document | {"spec": spec | {"matchingPrecedence": _PRECEDENCE}}


def priority_level_defaults(document: Document) -> Document:
    """A PriorityLevelConfiguration: its share, and its queues where it has some."""
    spec = _map(document.get("spec"))
    name = {"Exempt": "exempt", "Limited": "limited"}.get(str(spec.get("type")), "")
    part = spec.get(name)
    if not isinstance(part, dict) and name != "exempt":
        return document
    usual: Document = {
        "nominalConcurrencyShares": 0 if name == "exempt" else _SHARES,
        "lendablePercent": 0,
    }
    filled = usual | _map(part)
    response = _map(filled.get("limitResponse"))
    queuing = response.get("queuing")
    if isinstance(queuing, dict):
        given = {field: value for field, value in queuing.items() if value != 0}
        filled["limitResponse"] = response | {"queuing": _QUEUING | given}
    return document | {"spec": spec | {name: filled}}


def flow_schema_rules(document: Document) -> list[FieldError]:
    """A FlowSchema: when it is asked, which requests are its, and where these go."""
    spec, name = document.get("spec") or {}, (document.get("metadata") or {}).get("name")
    found = _precedence(spec.get("matchingPrecedence", 0), str(name))
    method = spec.get("distinguisherMethod")
    if method is not None and method.get("type") not in {"ByNamespace", "ByUser"}:
        path, shown = "spec.distinguisherMethod.type", f'{{"Type":"{method.get("type", "")}"}}'
        text = f'{path}: Unsupported value: {shown}: supported values: "ByNamespace", "ByUser"'
        found.append(FieldError(path, "FieldValueNotSupported", text))
    level = (spec.get("priorityLevelConfiguration") or {}).get("name", "")
    path = "spec.priorityLevelConfiguration.name"
    if not level:
        found.append(errors.required(path, "must reference a priority level"))
    else:
        found += [errors.invalid(path, level, why) for why in names.subdomain_problems(level)]
    for index, rule in enumerate(spec.get("rules") or []):
        found += _rule(rule or {}, f"spec.rules[{index}]")
    return found


def _precedence(precedence: int, name: str) -> list[FieldError]:
    path = "spec.matchingPrecedence"
    if precedence == 1 and name != "exempt":
        why = "only the schema named 'exempt' may have matchingPrecedence 1"
        return [errors.invalid(path, precedence, why)]
    if precedence > _LAST:
        return [errors.invalid(path, precedence, f"must not be greater than {_LAST}")]
    return [] if precedence > 0 else [errors.invalid(path, precedence, "must be a positive value")]


def _rule(rule: Document, path: str) -> list[FieldError]:
    subjects = rule.get("subjects") or []
    found = []
    if not subjects:
        found.append(errors.required(f"{path}.subjects", "subjects must contain at least one value"))  # fmt: skip
    for index, subject in enumerate(subjects):
        found += _subject(subject or {}, f"{path}.subjects[{index}]")
    resources, others = rule.get("resourceRules") or [], rule.get("nonResourceRules") or []
    if not resources and not others:
        why = "at least one of resourceRules and nonResourceRules has to be non-empty"
        found.append(errors.required(path, why))
    for index, entry in enumerate(resources):
        found += _resource_rule(entry or {}, f"{path}.resourceRules[{index}]")
    for index, entry in enumerate(others):
        found += _path_rule(entry or {}, f"{path}.nonResourceRules[{index}]")
    return found


def _subject(subject: Document, path: str) -> list[FieldError]:
    kind = subject.get("kind", "")
    if kind not in _SUBJECTS:
        return [errors.not_supported(f"{path}.kind", kind, sorted(_SUBJECTS))]
    own, found = _SUBJECTS[kind], []
    given = subject.get(own)
    if given is None:
        why = f"{own} is required when subject kind is '{kind}'"
        found.append(errors.required(f"{path}.{own}", why))
    else:
        found += _subject_names(kind, given, f"{path}.{own}")
    return found + [
        errors.forbidden(
            f"{path}.{field}", f"{field} is forbidden when subject kind is not '{one}'"
        )
        for one, field in _SUBJECTS.items()
        if one != kind and subject.get(field) is not None
    ]


def _subject_names(kind: str, given: Document, path: str) -> list[FieldError]:
    name, found = given.get("name", ""), []
    if not name:
        found.append(errors.required(f"{path}.name"))
    elif kind == "ServiceAccount" and name != "*":
        problems = names.subdomain_problems(name)
        found += [errors.invalid(f"{path}.name", name, why) for why in problems]
    if kind != "ServiceAccount":
        return found
    space = given.get("namespace", "")
    if not space:
        why = "must specify namespace for service account"
        return [*found, errors.required(f"{path}.namespace", why)]
    problems = names.label_problems(space)
    return found + [errors.invalid(f"{path}.namespace", space, why) for why in problems]


def _alone(values: list[str], path: str, called: str) -> list[FieldError]:
    """`*` stands for all, and therefore by itself."""
    if "*" not in values or len(values) == 1:
        return []
    return [errors.invalid(path, values, f"if '*' is present, must not specify other {called}")]


def _verbs(verbs: list[str], path: str) -> list[FieldError]:
    if not verbs:
        return [errors.required(path, "verbs must contain at least one value")]
    if "*" in verbs:
        return _alone(verbs, path, "verbs")
    return [] if set(verbs) <= set(_VERBS) else [errors.not_supported(path, verbs, _VERBS)]


def _resource_rule(rule: Document, path: str) -> list[FieldError]:
    found = _verbs(rule.get("verbs") or [], f"{path}.verbs")
    for field, one, called in (
        ("apiGroups", "api group", "api groups"), ("resources", "resource", "resources"),
    ):  # fmt: skip
        values = rule.get(field) or []
        if not values:
            why = f"resource rules must supply at least one {one}"
            found.append(errors.required(f"{path}.{field}", why))
        found += _alone(values, f"{path}.{field}", called)
    spaces = rule.get("namespaces") or []
    if not spaces and not rule.get("clusterScope"):
        why = "resource rules that are not cluster scoped must supply at least one namespace"
        return [*found, errors.required(f"{path}.namespaces", why)]
    if "*" in spaces:
        return found + _alone(spaces, f"{path}.namespaces", "namespaces")
    each = "each member of this list must be '*' or a DNS-1123 label; "
    return found + [
        errors.invalid(f"{path}.namespaces[{index}]", space, f"{each}{why}")
        for index, space in enumerate(spaces)
        for why in names.label_problems(space)
    ]


def _path_rule(rule: Document, path: str) -> list[FieldError]:
    found = _verbs(rule.get("verbs") or [], f"{path}.verbs")
    urls, path = rule.get("nonResourceURLs") or [], f"{path}.nonResourceURLs"
    if not urls:
        return [*found, errors.required(path, "nonResourceURLs must contain at least one value")]
    if "*" in urls:
        return found + _alone(urls, path, "non-resource URLs")
    return found + [
        errors.invalid(f"{path}[{index}]", url, why)
        for index, url in enumerate(urls)
        if (why := _url_problem(url))
    ]


def _url_problem(url: str) -> str:
    if not url:
        return "must not be empty"
    if url == "/":
        return ""
    if not url.startswith("/"):
        return "must start with slash"
    if " " in url:
        return "must not contain white-space"
    if "//" in url:
        return "must not contain double slash"
    if "*" in url.removesuffix("/*"):
        return "wildcard can only do suffix matching"
    return ""


def dangling(level: str, *, exists: bool) -> Document:
    """The condition of a FlowSchema by whether its level is there, without its time."""
    how = "and it exists" if exists else "but there is no such object"
    return {
        "type": "Dangling",
        "status": "False" if exists else "True",
        "reason": "Found" if exists else "NotFound",
        "message": f'This FlowSchema references the PriorityLevelConfiguration object named "{level}" {how}',
    }


def priority_level_rules(document: Document) -> list[FieldError]:
    """A PriorityLevelConfiguration: either exempt, or limited and then how."""
    spec, name = document.get("spec") or {}, (document.get("metadata") or {}).get("name")
    kind, found = spec.get("type", ""), []
    if kind not in {"Exempt", "Limited"}:
        return [errors.not_supported("spec.type", kind, ["Exempt", "Limited"])]
    if (kind == "Exempt") is not (name == "exempt"):
        why = "must be 'Exempt' if and only if `name` is 'exempt'"
        found.append(errors.invalid("spec.type", kind, why))
    limited, exempt = spec.get("limited"), spec.get("exempt")
    if kind == "Exempt":
        if limited is not None:
            why = f"{_NEVER_NULL}the type is not Limited"
            found.append(errors.forbidden("spec.limited", why))
        return found + _share(exempt or {}, "spec.exempt")
    if exempt is not None:
        found.append(errors.forbidden("spec.exempt", f"{_NEVER_NULL}the type is Limited"))
    if limited is None:
        return [*found, errors.required("spec.limited", "must not be empty when type is Limited")]
    return found + _share(limited, "spec.limited") + _response(limited)


def _share(part: Document, path: str) -> list[FieldError]:
    shares, lendable = part.get("nominalConcurrencyShares", 0), part.get("lendablePercent", 0)
    found = []
    if shares < 0:
        why = "must be a non-negative integer"
        found.append(errors.invalid(f"{path}.nominalConcurrencyShares", shares, why))
    if not 0 <= lendable <= 100:
        why = "must be between 0 and 100, inclusive"
        found.append(errors.invalid(f"{path}.lendablePercent", lendable, why))
    return found


def _response(limited: Document) -> list[FieldError]:
    response, path = limited.get("limitResponse") or {}, "spec.limited.limitResponse"
    kind, queuing = response.get("type", ""), response.get("queuing")
    borrowing, found = limited.get("borrowingLimitPercent"), []
    if kind not in {"Queue", "Reject"}:
        found.append(errors.not_supported(f"{path}.type", kind, ["Queue", "Reject"]))
    elif kind == "Reject" and queuing is not None:
        why = f"{_NEVER_NULL}limited.limitResponse.type is not Limited"
        found.append(errors.forbidden(f"{path}.queuing", why))
    elif kind == "Queue":
        why = "must not be empty if limited.limitResponse.type is Limited"
        found += (
            [errors.required(f"{path}.queuing", why)]
            if queuing is None
            else _queuing(queuing, f"{path}.queuing")
        )
    if borrowing is not None and borrowing < 0:
        why = "if specified, must be a non-negative integer"
        found.append(errors.invalid("spec.limited.borrowingLimitPercent", borrowing, why))
    return found


def _queuing(queuing: Document, path: str) -> list[FieldError]:
    queues, hand, length = (queuing.get(field, 0) for field in _QUEUING)
    found = []
    if length <= 0:
        found.append(errors.invalid(f"{path}.queueLengthLimit", length, "must be positive"))
    if queues <= 0:
        found.append(errors.invalid(f"{path}.queues", queues, "must be positive"))
    elif queues > _MOST_QUEUES:
        why = f"must not be greater than {_MOST_QUEUES}"
        found.append(errors.invalid(f"{path}.queues", queues, why))
    if hand <= 0:
        found.append(errors.invalid(f"{path}.handSize", hand, "must be positive"))
    elif hand > queues:
        why = f"should not be greater than queues ({queues})"
        found.append(errors.invalid(f"{path}.handSize", hand, why))
    elif _hand_bits(queues, hand) > _MOST_BITS:
        why = f"required entropy bits of deckSize {queues} and handSize {hand} should not be greater than {_MOST_BITS}"
        found.append(errors.invalid(f"{path}.handSize", hand, why))
    return found


def _hand_bits(queues: int, hand: int) -> int:
    """How many bits a draw of so many queues takes (shuffle sharding)."""
    return math.ceil(math.log2(math.prod(queues - drawn for drawn in range(hand))) or 0.0)
