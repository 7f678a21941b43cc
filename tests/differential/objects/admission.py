"""Admission: webhooks and policies."""

from tests.differential.objects.kind import Document, Kind

_RULE = {
    "apiGroups": ["example.com"],
    "apiVersions": ["v1"],
    "operations": ["CREATE"],
    "resources": ["things"],
}
_HOOK = {
    "name": "a.example.com",
    "admissionReviewVersions": ["v1"],
    "sideEffects": "None",
    "rules": [_RULE],
    "clientConfig": {"url": "https://127.0.0.1:1/x"},
    "failurePolicy": "Ignore",
}
_GROUP = "admissionregistration.k8s.io/v1"


def _hooked(**changed: object) -> Document:
    return {"webhooks": [_HOOK | changed]}


_HOOK_PATCHES: tuple[Document, ...] = (
    _hooked(timeoutSeconds=3),
    _hooked(matchPolicy="Exact"),
    _hooked(clientConfig={"service": {"namespace": "n", "name": "s"}}),
    {"webhooks": []},
)
_HOOKS_SPOILT = (
    _hooked(name="x"),
    _hooked(sideEffects=None),
    _hooked(sideEffects="Odd"),
    _hooked(admissionReviewVersions=[]),
    _hooked(timeoutSeconds=31),
    _hooked(clientConfig={}),
    _hooked(clientConfig={"url": "http://x"}),
    _hooked(failurePolicy="Odd"),
    _hooked(matchPolicy="Odd"),
    _hooked(rules=[_RULE | {"operations": ["ODD"]}]),
    _hooked(rules=[_RULE | {"resources": []}]),
    {"webhooks": "x"},
)
_POLICY = {
    "matchConstraints": {"resourceRules": [_RULE]},
    "validations": [{"expression": "object.spec.a == 1"}],
    "failurePolicy": "Fail",
}

ADMISSION = (
    Kind("validatingwebhookconfigurations", "ValidatingWebhookConfiguration", _GROUP, _hooked(), patches=_HOOK_PATCHES, spoilt=_HOOKS_SPOILT, namespaced=False),
    Kind("mutatingwebhookconfigurations", "MutatingWebhookConfiguration", _GROUP, _hooked(), patches=(*_HOOK_PATCHES, _hooked(reinvocationPolicy="IfNeeded")), spoilt=(*_HOOKS_SPOILT, _hooked(reinvocationPolicy="Odd")), namespaced=False),
    Kind(
        "validatingadmissionpolicies", "ValidatingAdmissionPolicy", _GROUP, {"spec": _POLICY},
        patches=({"spec": {"failurePolicy": "Ignore"}}, {"spec": {"validations": [{"expression": "true", "message": "m", "reason": "Forbidden"}]}}),
        spoilt=(
            {"spec": {"validations": [{"expression": ""}]}}, {"spec": {"validations": []}}, {"spec": {"failurePolicy": "Odd"}}, {"spec": {"matchConstraints": None}},
            {"spec": {"validations": [{"expression": "true", "reason": "Odd"}]}}, {"spec": 4},
        ),
        namespaced=False,
    ),
    Kind(
        "validatingadmissionpolicybindings", "ValidatingAdmissionPolicyBinding", _GROUP, {"spec": {"policyName": "absent", "validationActions": ["Deny"]}},
        patches=({"spec": {"validationActions": ["Warn", "Audit"]}}, {"spec": {"policyName": "other"}}),
        spoilt=({"spec": {"policyName": ""}}, {"spec": {"validationActions": []}}, {"spec": {"validationActions": ["Odd"]}}, {"spec": {"validationActions": ["Deny", "Warn"]}}),
        namespaced=False,
    ),
)  # fmt: skip
