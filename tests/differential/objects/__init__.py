"""The kinds of objects that the requests are about, by API group."""

from tests.differential.objects.access import ACCESS
from tests.differential.objects.admission import ADMISSION
from tests.differential.objects.autoscaling import AUTOSCALING
from tests.differential.objects.classes import CLASSES
from tests.differential.objects.core import CORE
from tests.differential.objects.custom import CUSTOM
from tests.differential.objects.devices import DEVICES
from tests.differential.objects.drivers import DRIVERS
from tests.differential.objects.endpoints import ENDPOINTS
from tests.differential.objects.flows import FLOWS
from tests.differential.objects.kind import NAMESPACE, Document, Kind
from tests.differential.objects.limits import LIMITS
from tests.differential.objects.networks import NETWORKS
from tests.differential.objects.storage import STORAGE
from tests.differential.objects.workloads import WORKLOADS

__all__ = ["KINDS", "NAMESPACE", "Document", "Kind"]

KINDS = (
    *ENDPOINTS,
    *ADMISSION,
    *CORE,
    *WORKLOADS,
    *ACCESS,
    *AUTOSCALING,
    *NETWORKS,
    *CLASSES,
    *STORAGE,
    *DRIVERS,
    *DEVICES,
    *FLOWS,
    *LIMITS,
    *CUSTOM,
)
