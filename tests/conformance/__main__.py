"""`python -m tests.conformance gateway|inference|kubernetes [flags of the suite]`: a published suite against the router in the sandbox.

`kubernetes` runs Kubernetes' own end-to-end tests against the sandbox alone: the conformance tests of the API machinery,
as far as they need no images, or what `--ginkgo.focus=…` and `--ginkgo.skip=…` say (module `kubernetes/go.mod`).

Needs Go and the modules of `go.mod` beside this file (`go mod download` gets them), and the right to open ports below
1024. The whole output goes to a file; what is printed are the results. The suite's own flags may follow, such as
`-run-test=NAME`, `-all-features` or `-conformance-profiles=GATEWAY-HTTP`; `-despite-setup` goes on where the base objects
do not become ready, and `-timeout-config-overrides` shortens the waiting for what does not come.

Any other implementation can be run in the sandbox too, and be looked at with the same suites: `kthena-router sandbox --no-router`,
and in this folder `KUBECONFIG=… go test . -run TestGatewayAPI -args -gateway-class=NAME`.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.conformance.results import read_junit, read_results, summary
from tests.support.stack import free_ports

_HERE = Path(__file__).parent
_INFRASTRUCTURE = _HERE / "infrastructure.yaml"
_CLASS = "-gateway-class=kthena-router"


@dataclass(frozen=True)
class _Suite:
    """The test that runs a suite, what it is told, and what it is asked to look at unless the flags say that. `part`: of this folder."""

    test: str
    told: tuple[str, ...]
    asked: tuple[str, ...] = ()
    part: str = "."
    router: bool = True


_SUITES = {
    "gateway": _Suite("TestGatewayAPI", (_CLASS, "-conformance-profiles=GATEWAY-HTTP")),
    "inference": _Suite("TestInferenceExtension", (_CLASS,)),
    "kubernetes": _Suite(
        "TestKubernetes",
        ("--provider=skeleton", "--allowed-not-ready-nodes=-1", "--minStartupPods=0",
         "--disable-log-dump", "--ginkgo.no-color"),
        (r"--ginkgo.focus=\[sig-api-machinery\].*\[Conformance\]",
         "--ginkgo.skip=AdmissionWebhook|Aggregator|CustomResourceConversionWebhook"),
        part="kubernetes", router=False,
    ),
}  # fmt: skip
_REPORT = "junit_01.xml"
_DEFINITIONS = (  # module, and path in it
    ("sigs.k8s.io/gateway-api", "config/crd/standard"),
    ("sigs.k8s.io/gateway-api-inference-extension", "config/crd/bases"),
)
_READY = "sandbox ready"
_LOOK_SECONDS = 0.1


class CannotRunError(Exception):
    """Something that the run needs is not here, or does not start; the text says what."""


def _go(*arguments: str, folder: Path = _HERE) -> str:
    """The output of a go command that downloads nothing. Raises CannotRunError."""
    environ = os.environ | {"GOPROXY": "off", "GOFLAGS": "-mod=readonly"}
    try:
        done = subprocess.run(
            ["go", *arguments], cwd=folder, env=environ, capture_output=True, text=True, check=False
        )
    except FileNotFoundError as error:
        raise CannotRunError("there is no go command on the PATH") from error
    if done.returncode:
        hint = f"`go mod download` in {folder} gets the modules"
        raise CannotRunError(f"go {arguments[0]} failed; {hint}:\n{done.stderr.strip()}")
    return done.stdout.strip()


def _definitions() -> list[Path]:
    return [
        Path(_go("list", "-m", "-f", "{{.Dir}}", module)) / path for module, path in _DEFINITIONS
    ]


@contextmanager
def _sandbox(
    folder: Path, log: Path, applied: Sequence[Path], router_args: Sequence[str], *, router: bool
) -> Iterator[Path]:
    """The kubeconfig of a running sandbox, with a *router* or without. Raises CannotRunError."""
    kubeconfig = folder / "kubeconfig"
    port, management, metrics, gateway = free_ports(4)
    command = [
        sys.executable, "-m", "kthena_router", "sandbox", "--api-port=0",
        f"--kubeconfig={kubeconfig}", f"--router-port={port}", f"--management-port={management}",
        f"--metrics-port={metrics}", f"--gateway-port={gateway}",
        "--router" if router else "--no-router",
        *(f"--apply={path}" for path in applied),
        *(f"--router-arg={argument}" for argument in router_args),
    ]  # fmt: skip
    with (
        log.open("w") as output,
        subprocess.Popen(command, stdout=output, stderr=output) as sandbox,
    ):
        try:
            while _READY not in log.read_text():
                if sandbox.poll() is not None:
                    raise CannotRunError(f"the sandbox did not start: see {log}")
                time.sleep(_LOOK_SECONDS)
            yield kubeconfig
        finally:
            sandbox.terminate()


def run(
    name: str, flags: Sequence[str], folder: Path, router_args: Sequence[str]
) -> Mapping[str, str]:
    """Run a suite; its output and the sandbox's are left in *folder*. Raises CannotRunError."""
    suite = _SUITES[name]
    binary = folder / "conformance.test"
    print("building the suites", flush=True)
    _go("test", "-c", "-o", str(binary), ".", folder=_HERE / suite.part)
    applied = _definitions() if suite.router else []
    applied += [_INFRASTRUCTURE] if name == "inference" else []
    output = folder / f"{name}.log"
    given = {flag.partition("=")[0] for flag in flags}
    asked = [flag for flag in suite.asked if flag.partition("=")[0] not in given]
    log = folder / "sandbox.log"
    with (
        _sandbox(folder, log, applied, router_args, router=suite.router) as kubeconfig,
        output.open("w") as file,
    ):
        where = [] if suite.router else [f"--kubeconfig={kubeconfig}", f"--report-dir={folder}"]
        print(f"running {suite.test}: {output}", flush=True)
        subprocess.run(
            [binary, f"-test.run=^{suite.test}$", "-test.v", "-test.timeout=0", *where,
             *suite.told, *asked, *flags],
            env=os.environ | {"KUBECONFIG": str(kubeconfig)}, stdout=file, stderr=file, check=False,
        )  # fmt: skip
    report = folder / _REPORT
    if suite.router:
        return read_results(output.read_text().splitlines())
    return read_junit(report.read_text()) if report.exists() else {}


def main(argv: Sequence[str]) -> int:
    """Return 0 where every test passed or was skipped, 1 where one failed or none ran, 2 where something is missing."""
    parser = argparse.ArgumentParser(prog="python -m tests.conformance", allow_abbrev=False)
    parser.add_argument("suite", choices=sorted(_SUITES))
    parser.add_argument("--output", type=Path, help="folder for the logs; default: a new one")
    parser.add_argument("--router-arg", action="append", default=[], metavar="ARG")
    given, flags = parser.parse_known_args(argv)
    folder = given.output or Path(tempfile.mkdtemp(prefix="conformance-"))
    folder.mkdir(parents=True, exist_ok=True)
    try:
        results = run(given.suite, flags, folder, given.router_arg)
    except CannotRunError as error:
        print(error, file=sys.stderr)
        return 2
    print("\n".join(summary(results)))
    return 1 if "FAIL" in results.values() or "PASS" not in results.values() else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
