import pytest

from kthena_sandbox.apiserver.paths import Target, parse_target


@pytest.mark.parametrize(
    ("path", "target"),
    [
        ("/api/v1", Target("", "v1")),
        ("/apis/apps/v1/", Target("apps", "v1")),
        ("/api/v1/nodes/n", Target("", "v1", "nodes", name="n")),
        ("/api/v1/namespaces", Target("", "v1", "namespaces")),
        ("/api/v1/namespaces/x", Target("", "v1", "namespaces", name="x")),
        ("/api/v1/namespaces/x/finalize",
         Target("", "v1", "namespaces", name="x", subresource="finalize")),
        ("/api/v1/namespaces/x/pods", Target("", "v1", "pods", "x")),
        ("/api/v1/namespaces/x/pods/p/log", Target("", "v1", "pods", "x", "p", "log")),
        ("/api/v1/namespaces/x/services/s/proxy/a/b",
         Target("", "v1", "services", "x", "s", "proxy", ("a", "b"))),
        ("/api/v1/watch/namespaces/x/pods", Target("", "v1", "pods", "x", watch=True)),
        ("/apis/apps/v1/namespaces/x/deployments/d/scale",
         Target("apps", "v1", "deployments", "x", "d", "scale")),
    ],
)  # fmt: skip
def test_paths_of_the_api(path: str, target: Target) -> None:
    assert parse_target(path) == target


@pytest.mark.parametrize("path", ["/", "/api", "/apis", "/apis/apps", "/version", "/openapi/v2"])
def test_other_paths_name_no_resource(path: str) -> None:
    assert parse_target(path) is None
