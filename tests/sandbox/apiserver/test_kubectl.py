"""The API through the eyes of real kubectls, from the oldest to the newest one that is installed."""

import json
import subprocess
from pathlib import Path

import pytest
import yaml
from tests.sandbox.apiserver.asgi_client import widget_definition
from tests.sandbox.kubectl.support import Kubectl

pytestmark = pytest.mark.system

DEPLOYMENT = """
apiVersion: apps/v1
kind: Deployment
metadata:
  name: web
  labels: {app: web}
spec:
  replicas: 2
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      containers:
      - name: main
        image: example.com/web:1
        ports: [{containerPort: 8000}]
---
apiVersion: v1
kind: Service
metadata: {name: web}
spec:
  selector: {app: web}
  ports: [{port: 80, targetPort: 8000}]
---
apiVersion: v1
kind: ConfigMap
metadata: {name: settings}
data: {colour: red}
"""
GATEWAY = """
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: gate}
spec:
  gatewayClassName: some
  listeners:
  - {name: http, protocol: HTTP, port: 8081}
"""


def test_apply_create_and_get(kubectl: Kubectl) -> None:
    applied = kubectl.run("apply", "-f", "-", stdin=DEPLOYMENT)
    assert applied == (
        "deployment.apps/web created\nservice/web created\nconfigmap/settings created\n"
    )
    again = kubectl.run("apply", "-f", "-", stdin=DEPLOYMENT)
    assert again == (
        "deployment.apps/web unchanged\nservice/web unchanged\nconfigmap/settings unchanged\n"
    )
    changed = DEPLOYMENT.replace("web:1", "web:2").replace("colour: red", "shape: round")
    assert kubectl.run("apply", "-f", "-", stdin=changed) == (
        "deployment.apps/web configured\nservice/web unchanged\nconfigmap/settings configured\n"
    )
    assert kubectl.json("get", "cm", "settings")["data"] == {"shape": "round"}
    columns = kubectl.run("get", "deploy").splitlines()[0].split()
    assert columns == ["NAME", "READY", "UP-TO-DATE", "AVAILABLE", "AGE"]
    wide = kubectl.run("get", "svc", "-o", "wide").splitlines()
    assert wide[0].split()[-1] == "SELECTOR"
    assert wide[1].split()[-1] == "app=web"
    assert kubectl.run("get", "deploy,cm", "-l", "app=web", "-o", "name") == "deployment.apps/web\n"
    path = "{.spec.template.spec.containers[0].image}"
    assert kubectl.run("get", "deploy", "web", "-o", f"jsonpath={path}") == "example.com/web:2"
    custom = "custom-columns=N:.metadata.name,R:.spec.replicas"
    assert kubectl.run("get", "deploy", "-o", custom).split() == ["N", "R", "web", "2"]
    assert "name: settings" in kubectl.run("get", "cm", "settings", "-o", "yaml")
    selected = kubectl.run("get", "cm", "--field-selector", "metadata.name=settings", "-o", "name")
    assert selected == "configmap/settings\n"


def test_create_replace_scale_and_delete(kubectl: Kubectl) -> None:
    created = kubectl.run("create", "-f", "-", stdin=DEPLOYMENT)
    assert "deployment.apps/web created" in created
    refused = kubectl.run("create", "-f", "-", stdin=DEPLOYMENT, code=1)
    assert 'Error from server (AlreadyExists): error when creating "STDIN": ' in refused
    assert 'deployments.apps "web" already exists' in refused
    assert kubectl.run("scale", "deploy/web", "--replicas=5") == "deployment.apps/web scaled\n"
    assert kubectl.json("get", "deploy", "web")["spec"]["replicas"] == 5
    replaced = kubectl.run("replace", "-f", "-", stdin=DEPLOYMENT)
    assert "deployment.apps/web replaced" in replaced
    assert kubectl.json("get", "deploy", "web")["spec"]["replicas"] == 2
    gone = kubectl.run("delete", "deploy/web", "svc/web", "cm/settings")
    assert 'deployment.apps "web" deleted' in gone
    missing = kubectl.run("get", "deploy", "web", code=1)
    assert missing == 'Error from server (NotFound): deployments.apps "web" not found\n'
    assert "No resources found" in kubectl.run("get", "cm")


def test_patch_label_annotate_and_edit(kubectl: Kubectl) -> None:
    kubectl.run("apply", "-f", "-", stdin=DEPLOYMENT)
    strategic = '{"spec":{"template":{"spec":{"containers":[{"name":"main","image":"a:3"}]}}}}'
    kubectl.run("patch", "deploy", "web", "-p", strategic)
    container = kubectl.json("get", "deploy", "web")["spec"]["template"]["spec"]["containers"][0]
    assert container["image"] == "a:3"
    assert container["ports"][0]["containerPort"] == 8000
    kubectl.run("patch", "cm", "settings", "--type=merge", "-p", '{"data":{"a":"b"}}')
    kubectl.run(
        "patch", "cm", "settings", "--type=json", "-p", '[{"op":"remove","path":"/data/colour"}]'
    )
    assert kubectl.json("get", "cm", "settings")["data"] == {"a": "b"}
    assert kubectl.run("label", "cm", "settings", "x=y") == "configmap/settings labeled\n"
    assert kubectl.run("annotate", "cm", "settings", "n=1").startswith(
        "configmap/settings annotate"
    )
    metadata = kubectl.json("get", "cm", "settings")["metadata"]
    assert (metadata["labels"], metadata["annotations"]["n"]) == ({"x": "y"}, "1")
    assert kubectl.run("label", "cm", "settings", "x-") == "configmap/settings unlabeled\n"
    kubectl.run("set", "image", "deploy/web", "main=a:4")
    editor = Kubectl(kubectl.path, kubectl.environment | {"KUBE_EDITOR": "sed -i s/a:4/a:5/"},
                     kubectl.namespace)  # fmt: skip
    assert "deployment.apps/web edited" in editor.run("edit", "deploy", "web")
    assert "a:5" in kubectl.run("get", "deploy", "web", "-o", "yaml")


def test_dry_run_and_diff(kubectl: Kubectl) -> None:
    created = kubectl.run("apply", "--dry-run=server", "-f", "-", stdin=DEPLOYMENT)
    assert "deployment.apps/web created (server dry run)" in created
    assert "No resources found" in kubectl.run("get", "deploy")
    kubectl.run("apply", "-f", "-", stdin=DEPLOYMENT)
    assert kubectl.run("diff", "-f", "-", stdin=DEPLOYMENT) == ""
    difference = kubectl.run("diff", "-f", "-", stdin=DEPLOYMENT.replace("red", "blue"), code=1)
    assert "-  colour: red\n+  colour: blue\n" in difference


def test_unknown_fields_and_invalid_values_are_reported(kubectl: Kubectl) -> None:
    misspelt = DEPLOYMENT.replace("replicas: 2", "replica: 2")
    unknown = kubectl.run("apply", "-f", "-", stdin=misspelt, code=1)
    assert 'strict decoding error: unknown field "spec.replica"' in unknown
    unmatched = DEPLOYMENT.replace("matchLabels: {app: web}", "matchLabels: {app: other}")
    invalid = kubectl.run("create", "-f", "-", stdin=unmatched, code=1)
    expected = 'Deployment.apps "web" is invalid: spec.template.metadata.labels: Invalid value: '
    assert expected in invalid
    named = kubectl.run("create", "cm", "Not_A_Name", code=1)
    assert "a lowercase RFC 1123 subdomain must consist of" in named


def test_custom_resources(kubectl: Kubectl) -> None:
    assert kubectl.run("apply", "-f", "-", stdin=GATEWAY) == (
        "gateway.gateway.networking.k8s.io/gate created\n"
    )
    created = kubectl.json("get", "gateway", "gate")
    # a list with defaulted fields is always in the patch that kubectl computes
    assert "gate configured" in kubectl.run("apply", "-f", "-", stdin=GATEWAY)
    assert kubectl.json("get", "gateway", "gate") == created
    columns = kubectl.run("get", "gateway", "-A").splitlines()[0].split()
    assert columns == ["NAMESPACE", "NAME", "CLASS", "ADDRESS", "PROGRAMMED", "AGE"]
    assert kubectl.run("get", "gtw", "-o", "name") == "gateway.gateway.networking.k8s.io/gate\n"
    kubectl.run("patch", "gateway", "gate", "--subresource=status", "--type=merge", "-p",
                '{"status":{"conditions":[{"type":"Programmed","status":"True","reason":"Programmed",'
                '"message":"","lastTransitionTime":"2026-01-02T03:04:05Z"}]}}')  # fmt: skip
    assert "True" in kubectl.run("get", "gateway", "gate")
    kubectl.run("wait", "--for=condition=Programmed", "gateway/gate", "--timeout=60s")
    bad = GATEWAY.replace("protocol: HTTP, ", "").replace("8081", "0")
    refused = kubectl.run("apply", "-f", "-", stdin=bad, code=1)
    assert "spec.listeners[0].protocol: Required value" in refused
    misspelt = kubectl.run("apply", "-f", "-", stdin=GATEWAY + "  adresses: []\n", code=1)
    assert 'unknown field "spec.adresses"' in misspelt
    explained = kubectl.run("explain", "gateway.spec.listeners")
    assert "protocol" in explained
    assert kubectl.run("delete", "-f", "-", stdin=GATEWAY) == (
        'gateway.gateway.networking.k8s.io "gate" deleted\n'
    )


def test_a_definition_comes_and_goes(kubectl: Kubectl) -> None:
    definition = widget_definition()
    definition["spec"]["group"] = f"{kubectl.namespace}.example.com"
    name = f"widgets.{definition['spec']['group']}"
    definition["metadata"]["name"] = name
    kubectl.run("create", "-f", "-", stdin=json.dumps(definition))
    kubectl.run("wait", "--for=condition=established", f"crd/{name}", "--timeout=60s")
    widget = {"apiVersion": f"{definition['spec']['group']}/v1beta1", "kind": "Widget",
              "metadata": {"name": "w"}, "spec": {"size": 2}}  # fmt: skip
    kubectl.run("apply", "-f", "-", stdin=json.dumps(widget))
    assert kubectl.json("get", name, "w")["apiVersion"].endswith("/v1")
    assert kubectl.run("delete", "crd", name).endswith("deleted\n")
    refused = kubectl.run("get", name, code=1)
    assert "the server doesn't have a resource type" in refused


def test_discovery_and_explanations(kubectl: Kubectl) -> None:
    resources = kubectl.run("api-resources")
    assert "deployments" in resources
    assert "httproutes" in resources
    assert "apps/v1\n" in kubectl.run("api-versions")
    assert "Server Version: " in kubectl.run("version")
    explained = kubectl.run("explain", "deployment.spec.replicas")
    assert "FIELD: replicas" in explained
    assert "template" in kubectl.run("explain", "deployment.spec", "--recursive")
    assert kubectl.run("auth", "can-i", "create", "pods") == "yes\n"


def test_who_may_do_what(kubectl: Kubectl) -> None:
    kubectl.run("create", "serviceaccount", "bot")
    bot = f"system:serviceaccount:{kubectl.namespace}:bot"
    account = f"--serviceaccount={kubectl.namespace}:bot"
    role = ("--verb=get,list", "--resource=configmaps")
    assert "role.rbac.authorization.k8s.io/r created" in kubectl.run("create", "role", "r", *role)
    kubectl.run("create", "rolebinding", "b", "--role=r", account)
    token = kubectl.run("create", "token", "bot").strip()
    assert "No resources found" in kubectl.run("get", "cm", f"--token={token}")
    refused = kubectl.run("get", "secrets", f"--token={token}", code=1)
    assert refused == (
        f'Error from server (Forbidden): secrets is forbidden: User "{bot}" cannot list resource '
        f'"secrets" in API group "" in the namespace "{kubectl.namespace}"\n'
    )
    unknown = kubectl.run("get", "cm", "--token=nobody", code=1)
    assert "You must be logged in to the server (Unauthorized)" in unknown
    assert kubectl.run("auth", "can-i", "list", "cm", "--as", bot) == "yes\n"
    assert kubectl.run("auth", "can-i", "delete", "cm", "--as", bot, code=1) == "no\n"
    listed = kubectl.run("auth", "can-i", "--list", "--as", bot)
    assert any(
        line.split() == ["configmaps", "[]", "[]", "[get", "list]"] for line in listed.splitlines()
    )
    kubectl.run("delete", "serviceaccount", "bot")
    kubectl.run("get", "cm", f"--token={token}", code=1)


def test_describe(kubectl: Kubectl) -> None:
    kubectl.run("apply", "-f", "-", stdin=DEPLOYMENT)
    described = kubectl.run("describe", "deploy", "web")
    assert "example.com/web:1" in described
    assert "Replicas:" in described
    assert "Selector:" in kubectl.run("describe", "svc", "web")
    assert "colour:\n----\nred" in kubectl.run("describe", "cm", "settings")
    assert "Status:       Active" in kubectl.run("describe", "ns", kubectl.namespace)


def test_rollout_status_follows_the_status(kubectl: Kubectl) -> None:
    kubectl.run("apply", "-f", "-", stdin=DEPLOYMENT)
    status = {"observedGeneration": 1, "replicas": 2, "updatedReplicas": 2, "readyReplicas": 2,
              "availableReplicas": 2}  # fmt: skip
    kubectl.run("patch", "deploy", "web", "--subresource=status", "--type=merge", "-p",
                json.dumps({"status": status}))  # fmt: skip
    rolled = kubectl.run("rollout", "status", "deploy/web", "--timeout=60s")
    assert 'deployment "web" successfully rolled out' in rolled


def test_get_watch_prints_changes_as_they_come(kubectl: Kubectl) -> None:
    kubectl.run("create", "cm", "first", "--from-literal=a=b")
    command = [str(kubectl.path), "-n", kubectl.namespace, "get", "cm", "-w"]
    with subprocess.Popen(
        command, env=kubectl.environment, stdout=subprocess.PIPE, text=True
    ) as watching:
        assert watching.stdout is not None
        assert watching.stdout.readline().split() == ["NAME", "DATA", "AGE"]
        assert watching.stdout.readline().split()[:2] == ["first", "1"]
        kubectl.run("create", "cm", "second")
        assert watching.stdout.readline().split()[:2] == ["second", "0"]
        kubectl.run("patch", "cm", "second", "-p", '{"data":{"x":"y"}}')
        assert watching.stdout.readline().split()[:2] == ["second", "1"]
        watching.terminate()


def test_delete_waits_for_finalizers(kubectl: Kubectl) -> None:
    kubectl.run("create", "cm", "a")
    hold = '{"metadata":{"finalizers":["example.com/hold"]}}'
    kubectl.run("patch", "cm", "a", "-p", hold)
    command = [str(kubectl.path), "-n", kubectl.namespace, "delete", "cm", "a", "--timeout=60s"]
    with subprocess.Popen(command, env=kubectl.environment) as deleting:
        while "deletionTimestamp" not in kubectl.json("get", "cm", "a")["metadata"]:
            assert deleting.poll() is None
        kubectl.run("patch", "cm", "a", "--type=merge", "-p", '{"metadata":{"finalizers":null}}')
        assert deleting.wait(timeout=60) == 0


def test_events_of_an_object(kubectl: Kubectl) -> None:
    event = {"apiVersion": "v1", "kind": "Event", "metadata": {"name": "e"},
             "type": "Warning", "reason": "Broken", "message": "it broke", "count": 1,
             "involvedObject": {"kind": "ConfigMap", "name": "a", "namespace": kubectl.namespace},
             "firstTimestamp": "2026-01-02T03:04:05Z", "lastTimestamp": "2026-01-02T03:04:05Z",
             "source": {"component": "test"}}  # fmt: skip
    kubectl.run("create", "-f", "-", stdin=json.dumps(event))
    shown = kubectl.run("get", "events")
    assert shown.splitlines()[0].split() == ["LAST", "SEEN", "TYPE", "REASON", "OBJECT", "MESSAGE"]
    assert "configmap/a" in shown
    assert "it broke" in kubectl.run("events")


def test_pruning(kubectl: Kubectl, tmp_path: Path) -> None:
    for name in ("a", "b"):
        document = {"apiVersion": "v1", "kind": "ConfigMap",
                    "metadata": {"name": name, "labels": {"app": "pruned"}}}  # fmt: skip
        (tmp_path / f"{name}.json").write_text(json.dumps(document))
    kubectl.run("apply", "-f", str(tmp_path))
    (tmp_path / "b.json").unlink()
    pruned = kubectl.run("apply", "-f", str(tmp_path), "--prune", "-l", "app=pruned")
    assert "configmap/a unchanged\n" in pruned
    assert "configmap/b pruned\n" in pruned
    assert "No resource quota." in kubectl.run("describe", "ns", kubectl.namespace)


def test_our_definitions_from_their_folder(kubectl: Kubectl) -> None:
    folder = Path(__file__).parents[3] / "deploy" / "crds"
    kinds = ("modelroutes", "modelservers")
    for way in ("-f", "-k"):
        applied = kubectl.run("apply", "--dry-run=server", way, str(folder))
        for kind in kinds:
            assert f"/{kind}.networking.serving.volcano.sh configured" in applied
    explained = kubectl.run("explain", "modelserver.spec.trafficPolicy.timeout")
    assert "Most time until the answer begins" in explained


POLICY = """
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicy
metadata: {name: NAME}
spec:
  matchConstraints:
    namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: NAME}}
    resourceRules:
    - {apiGroups: [""], apiVersions: [v1], resources: [configmaps], operations: [CREATE]}
  validations:
  - {expression: "object.data.size() < 2", message: one is enough}
---
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicyBinding
metadata: {name: NAME}
spec: {policyName: NAME, validationActions: [Deny]}
"""


def test_policies_of_admission(kubectl: Kubectl) -> None:
    kubectl.run("apply", "-f", "-", stdin=POLICY.replace("NAME", kubectl.namespace))
    shown = kubectl.run("get", "validatingadmissionpolicy", kubectl.namespace).splitlines()
    assert shown[0].split() == ["NAME", "VALIDATIONS", "PARAMKIND", "AGE"]
    assert shown[1].split()[:3] == [kubectl.namespace, "1", "<unset>"]
    shown = kubectl.run("get", "validatingadmissionpolicybinding", kubectl.namespace).splitlines()
    assert shown[1].split()[:3] == [kubectl.namespace, kubectl.namespace, "<unset>"]
    kubectl.run("create", "cm", "a", "--from-literal=a=1")
    refused = kubectl.run("create", "cm", "b", "--from-literal=a=1", "--from-literal=b=1", code=1)
    assert f"ValidatingAdmissionPolicy '{kubectl.namespace}' with binding" in refused
    assert "denied request: one is enough" in refused


def test_a_service_through_the_proxy(kubectl: Kubectl) -> None:
    """The API server stands in for a server behind a Service: it answers strangers who ask for its health."""
    cluster = yaml.safe_load(Path(kubectl.environment["KUBECONFIG"]).read_text())["clusters"][0]
    port = int(cluster["cluster"]["server"].rpartition(":")[2])
    service = {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "self"},
               "spec": {"ports": [{"name": "tls", "port": 443}]}}  # fmt: skip
    entry = {"apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice", "addressType": "IPv4",
             "metadata": {"name": "self", "labels": {"kubernetes.io/service-name": "self"}},
             "endpoints": [{"addresses": ["127.0.0.1"], "conditions": {"ready": True}}],
             "ports": [{"name": "tls", "port": port}]}  # fmt: skip
    for document in (service, entry):
        kubectl.run("create", "-f", "-", stdin=json.dumps(document))
    path = f"/api/v1/namespaces/{kubectl.namespace}/services/https:self:tls/proxy/healthz"
    assert kubectl.run("get", "--raw", path) == "ok"
    listed = kubectl.run("get", "--raw", "/api/v1")
    assert '"name":"services/proxy"' in listed
