"""The output of a suite, read."""

from tests.conformance.results import read_junit, read_results, summary

OUTPUT = """\
=== RUN   TestGatewayAPI
=== RUN   TestGatewayAPI/HTTPRouteWeight
    apply.go:279: Deleting same-namespace Gateway
--- FAIL: TestGatewayAPI (138.21s)
    --- FAIL: TestGatewayAPI/HTTPRouteMultipleGateways (0.24s)
        --- PASS: TestGatewayAPI/HTTPRouteMultipleGateways/Gateway_same-namespace (32.19s)
    --- PASS: TestGatewayAPI/HTTPRouteWeight (1.62s)
    --- SKIP: TestGatewayAPI/MeshBasic (0.00s)
    --- PASS: TestGatewayAPI/GatewayModifyListeners (3.84s)
FAIL
"""


def test_results() -> None:
    results = read_results(OUTPUT.splitlines())
    assert results == {
        "HTTPRouteMultipleGateways": "FAIL", "HTTPRouteWeight": "PASS", "MeshBasic": "SKIP",
        "GatewayModifyListeners": "PASS",
    }  # fmt: skip
    assert summary(results) == [
        "PASS GatewayModifyListeners", "PASS HTTPRouteWeight", "FAIL HTTPRouteMultipleGateways",
        "SKIP MeshBasic", "2 passed, 1 failed, 1 skipped",
    ]  # fmt: skip


REPORT = """\
  <testsuite name="Kubernetes e2e suite">
      <testcase name="[SynchronizedBeforeSuite]" classname="Kubernetes e2e suite" status="passed" time="0.0"></testcase>
      <testcase name="[It] [sig-apps] Job &amp; Pods [Conformance]" classname="Kubernetes e2e suite" status="passed" time="1.0">
      <testcase name="[It] [sig-auth] fails" classname="Kubernetes e2e suite" status="timedout" time="1.0">
      <testcase name="[It] [sig-auth] not run" classname="Kubernetes e2e suite" status="skipped" time="0.0">
"""


def test_the_report_of_ginkgo() -> None:
    assert read_junit(REPORT) == {
        "[sig-apps] Job & Pods [Conformance]": "PASS",
        "[sig-auth] fails": "FAIL",
    }
