import pytest

from kthena_router.kube.access import Choice, choose_access
from kthena_router.kube.client import NoCluster
from kthena_router.settings import ClusterAccess

ALL = ClusterAccess(
    kubeconfig="/flag",
    environment_kubeconfig="/missing:/env",
    home="/home/me",
    service_host="10.0.0.1",
    service_port="443",
    service_account="/sa",
)
EVERYTHING = frozenset({"/flag", "/env", "/home/me/.kube/config", "/sa/token"})


def choose(present: frozenset[str], **changes: str) -> Choice:
    fields = {name: getattr(ALL, name) for name in ALL.__struct_fields__} | changes
    return choose_access(ClusterAccess(**fields), present.__contains__)


def test_places_are_tried_in_order() -> None:
    assert Choice(("/flag",)) == choose(EVERYTHING)
    assert Choice(service_account="/sa", server="https://10.0.0.1:443") == choose(
        EVERYTHING, kubeconfig=""
    )
    assert Choice(("/env",)) == choose(EVERYTHING - {"/sa/token"}, kubeconfig="")
    assert Choice(("/home/me/.kube/config",), context="c") == choose(
        frozenset({"/home/me/.kube/config"}), kubeconfig="", environment_kubeconfig="", context="c"
    )


def test_all_files_of_the_variable_are_merged() -> None:
    found = choose(frozenset({"/a", "/b"}), kubeconfig="", environment_kubeconfig="/a:/no::/b")

    assert Choice(("/a", "/b")) == found


def test_variable_that_leads_nowhere_does_not_lead_home() -> None:
    with pytest.raises(NoCluster, match="/missing or /env"):
        choose(frozenset({"/home/me/.kube/config"}), kubeconfig="")


def test_service_account_without_the_address_of_the_api_is_passed_over() -> None:
    assert Choice(("/env",)) == choose(EVERYTHING, kubeconfig="", service_host="")


def test_server_of_a_service_account_may_be_ipv6() -> None:
    found = choose(EVERYTHING, kubeconfig="", service_host="fd00::1", service_port="6443")

    assert "https://[fd00::1]:6443" == found.server


def test_flag_that_names_no_file_is_said() -> None:
    with pytest.raises(NoCluster, match="/flag"):
        choose(frozenset())


def test_where_there_is_nothing_the_ways_are_named() -> None:
    with pytest.raises(NoCluster, match="kthena-router sandbox"):
        choose(frozenset(), kubeconfig="", environment_kubeconfig="")
