"""flowcontrol.apiserver.k8s.io: how much of the server requests have. Into FlowSchemas a server writes by itself, at times of its own."""

from tests.differential.objects.kind import Kind

_LIMITED = {"type": "Limited", "limited": {"nominalConcurrencyShares": 5, "limitResponse": {"type": "Reject"}}}  # fmt: skip


def _queuing(**fields: object) -> dict[str, object]:
    """Return what makes a level queue."""
    usual = {"queues": 8, "handSize": 2, "queueLengthLimit": 5}
    return {"spec": {"limited": {"limitResponse": {"type": "Queue", "queuing": usual | fields}}}}


FLOWS = (
    Kind(
        "prioritylevelconfigurations", "PriorityLevelConfiguration", "flowcontrol.apiserver.k8s.io/v1", {"spec": _LIMITED},
        patches=(
            {"spec": {"limited": {"nominalConcurrencyShares": 0}}}, {"spec": {"limited": {"nominalConcurrencyShares": None}}}, {"spec": {"limited": {"lendablePercent": 50}}}, {"spec": {"limited": {"borrowingLimitPercent": 20}}},
            _queuing(), _queuing(queues=None, handSize=None, queueLengthLimit=None), {"spec": {"limited": {"limitResponse": {"type": "Queue", "queuing": {}}}}},
        ),
        spoilt=(
            {"spec": {"type": "Odd"}}, {"spec": {"type": "Exempt"}}, {"spec": {"limited": None}}, {"spec": {"limited": {"nominalConcurrencyShares": -1}}}, {"spec": {"limited": {"lendablePercent": 101}}}, {"spec": {"limited": {"borrowingLimitPercent": -1}}},
            {"spec": {"limited": {"limitResponse": {"type": "Queue"}}}}, {"spec": {"limited": {"limitResponse": {"type": "Odd"}}}}, {"spec": {"limited": {"limitResponse": {"type": "Reject", "queuing": {"queues": 1}}}}}, {"spec": {"limited": {"limitResponse": None}}},
            _queuing(queues=0), _queuing(queues=10000001), _queuing(handSize=0), _queuing(handSize=9), _queuing(queues=10000000, handSize=10), _queuing(queueLengthLimit=-1), {"spec": {"exempt": {}}}, {"spec": None}, {"spec": {"type": "Exempt", "limited": None, "exempt": {"lendablePercent": 5}}},
        ),
        status=True, namespaced=False,
    ),
)  # fmt: skip
