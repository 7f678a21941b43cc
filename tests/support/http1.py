"""What serves HTTP/1.1 in the tests: `make test HTTP1=h11` runs all of them on hypercorn's own protocol."""

import os
from typing import Literal

from kthena_router.settings import ClientLimits

HTTP1: Literal["httptools", "h11"] = "h11" if os.environ.get("HTTP1") == "h11" else "httptools"
LIMITS = ClientLimits(http1=HTTP1)
