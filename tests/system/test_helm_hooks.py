"""Hooks of Helm are Jobs, and Helm waits for them, with a chart of the test's own whose Jobs run our image."""

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.support.helm import Helm, helms
from tests.support.stack import Stack, kubectls, open_stack

pytestmark = [
    pytest.mark.system,
    pytest.mark.timeout(300),
    pytest.mark.skipif(not helms(), reason="there is no helm on the PATH"),
    pytest.mark.skipif(not kubectls(), reason="there is no kubectl on the PATH"),
]
KINDS = (
    "pre-install", "post-install", "pre-upgrade", "post-upgrade", "pre-rollback", "post-rollback",
    "pre-delete", "post-delete", "test",
)  # fmt: skip
FILES = {
    "Chart.yaml": "apiVersion: v2\nname: hooks\nversion: 0.1.0\n",
    "values.yaml": "argument: --version\npolicy: before-hook-creation\n",
    "templates/plain.yaml": """
apiVersion: v1
kind: ConfigMap
metadata:
  name: plain
data:
  argument: {{ .Values.argument }}
""",
}
JOB = """
apiVersion: batch/v1
kind: Job
metadata:
  name: KIND
  annotations:
    helm.sh/hook: KIND
    helm.sh/hook-delete-policy: {{ .Values.policy }}
spec:
  backoffLimit: 0
  template:
    spec:
      restartPolicy: Never
      containers:
      - name: main
        image: kthena-router:0.1.0
        args: ["{{ .Values.argument }}"]
"""


class Hooks:
    """Release `hooks` in the namespace `default`."""

    def __init__(self, helm: Helm, stack: Stack, folder: Path) -> None:
        self.helm = helm
        self.stack = stack
        self.chart = folder / "hooks"
        jobs = {f"templates/{kind}.yaml": JOB.replace("KIND", kind) for kind in KINDS}
        for name, text in (FILES | jobs).items():
            file = self.chart / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text)

    def upgrade(self, *arguments: str, code: int = 0) -> str:
        return self.helm.run("upgrade", "hooks", str(self.chart), *arguments, code=code)

    def jobs(self) -> dict[str, str]:
        """Return the Jobs that there are, with how they ended."""
        kubectl = kubectls()[-1]
        items = json.loads(self.stack.kubectl("get", "jobs", "-o", "json", binary=kubectl))["items"]
        return {
            job["metadata"]["name"]: next(
                condition["type"]
                for condition in job["status"]["conditions"]
                if condition["type"] in {"Complete", "Failed"} and condition["status"] == "True"
            )
            for job in items
        }

    def argument(self) -> str:
        path = "jsonpath={.data.argument}"
        return self.stack.kubectl("get", "configmap/plain", "-o", path, binary=kubectls()[-1])


@pytest.fixture(params=helms(), ids=os.path.basename)
def hooks(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Hooks]:
    with open_stack(tmp_path, "--no-router", secure=True) as stack:
        yield Hooks(Helm(request.param, stack.environment), stack, tmp_path)


def test_hooks_run_before_and_after(hooks: Hooks) -> None:
    hooks.helm.run("install", "hooks", str(hooks.chart))
    expected = dict.fromkeys(("pre-install", "post-install"), "Complete")
    assert hooks.jobs() == expected
    assert "Succeeded" in hooks.helm.run("test", "hooks")
    hooks.upgrade()
    expected |= dict.fromkeys(("test", "pre-upgrade", "post-upgrade"), "Complete")
    assert hooks.jobs() == expected
    hooks.helm.run("rollback", "hooks", "1")
    expected |= dict.fromkeys(("pre-rollback", "post-rollback"), "Complete")
    assert hooks.jobs() == expected
    hooks.helm.run("uninstall", "hooks")

    assert hooks.jobs() == expected | dict.fromkeys(("pre-delete", "post-delete"), "Complete")


def test_a_hook_that_fails_stops_the_upgrade(hooks: Hooks) -> None:
    hooks.helm.run("install", "hooks", str(hooks.chart))
    said = hooks.upgrade("--set", "argument=--port=nonsense", code=1)

    assert "pre-upgrade hooks failed" in said
    assert hooks.jobs()["pre-upgrade"] == "Failed"
    assert "post-upgrade" not in hooks.jobs()
    assert hooks.argument() == "--version"
    hooks.upgrade()
    assert hooks.jobs()["post-upgrade"] == "Complete"


def test_hooks_go_when_they_have_succeeded(hooks: Hooks) -> None:
    command = ("--set", "policy=hook-succeeded")
    hooks.helm.run("install", "hooks", str(hooks.chart), *command)
    hooks.upgrade(*command)

    assert hooks.jobs() == {}
