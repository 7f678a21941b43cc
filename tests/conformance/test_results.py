"""The output of a suite, read."""

from tests.conformance.results import read_results, summary

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
