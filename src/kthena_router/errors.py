"""What can go wrong with a request, as classes that carry what the edge needs: status, code, reason label and message.

The edge has one handler for all of them. `reason` is the metric label `error_type` and the type in the access log; it keeps
the names of the original router, so that dashboards and log queries go on working.
"""

from typing import ClassVar


class RouterError(Exception):
    """A failure that a client is told about, in the shape of an OpenAI error object."""

    status: ClassVar[int] = 500
    reason: ClassVar[str] = "request_failed"
    type: ClassVar[str] = "server_error"
    code: ClassVar[str] = ""  # empty: null in the body
    param: ClassVar[str] = ""  # empty: null in the body
    retry_after: ClassVar[int] = 0  # seconds; 0: no Retry-After
    allow: ClassVar[str] = ""  # the methods of the path, which 405 must name (RFC 9110 15.5.6)
    origin: ClassVar[str] = "router"  # or "upstream"

    def __init__(self, message: str, *, detail: str = "") -> None:
        """*message* says what is wrong and what to do; *detail* is for the log only: addresses, system errors."""
        super().__init__(message)
        self.message = message
        self.detail = detail

    @property
    def log_message(self) -> str:
        """Return message and detail."""
        return f"{self.message}: {self.detail}" if self.detail else self.message


class InternalError(RouterError):
    """A fault of the router itself."""

    code = "internal_error"


class InvalidRequest(RouterError):
    """The client's request cannot be understood."""

    status = 400
    reason = "request_parsing"
    type = "invalid_request_error"


class ModelMissing(InvalidRequest):
    """No usable `model` in the request. The original answers 404; the phrase `model not found` stays."""

    param = "model"
    code = "missing_required_parameter"


class BodyTooLarge(InvalidRequest):
    """The request body exceeds `--max-request-body`."""

    status = 413
    code = "request_too_large"


class RequestTimeout(InvalidRequest):
    """The client did not send the whole head, or the whole body, of its request in time."""

    status = 408
    code = "request_timeout"


class NotFound(RouterError):
    """There is nothing at this path, or no listener for this host."""

    status = 404
    reason = "route_not_found"
    type = "invalid_request_error"
    code = "not_found"


class MethodNotAllowed(RouterError):
    """A list of models is read, and nothing else."""

    status = 405
    allow = "GET, HEAD"
    type = "invalid_request_error"
    code = "method_not_allowed"


class ModelNotFound(RouterError):
    """No route of this listener serves the model."""

    status = 404
    reason = "route_not_found"
    type = "invalid_request_error"
    code = "model_not_found"
    param = "model"


class FeatureMissing(RouterError):
    """The route uses a feature that this version does not have."""

    status = 501
    reason = "provider_discovery"
    code = "not_implemented"


class NoEndpoints(RouterError):
    """The route's backend is missing or has no ready endpoint."""

    status = 503
    reason = "pod_discovery"
    code = "no_endpoints"
    retry_after = 5


class NotReady(RouterError):
    """The router is starting or draining."""

    status = 503
    reason = "request_failed"
    code = "not_ready"
    retry_after = 2


class TooManyConnections(RouterError):
    """The limits on connections are reached."""

    status = 503
    code = "too_many_connections"
    retry_after = 2


class AllEndpointsFailed(RouterError):
    """Every endpoint that was tried failed before its first byte."""

    status = 502
    reason = "proxy"
    code = "upstream_failed"
    origin = "upstream"


class UpstreamTimedOut(RouterError):
    """The last endpoint that was tried did not answer within the route's time limit."""

    status = 504
    reason = "proxy"
    code = "upstream_timeout"
    origin = "upstream"


class UpstreamError(RouterError):
    """One call to one endpoint failed. The families below say when; *summary* completes the sentence `the endpoint …`."""

    status = 502
    reason = "proxy"
    code = "upstream_failed"
    origin = "upstream"
    summary: ClassVar[str] = "failed"


class BeforeResponse(UpstreamError):
    """The call failed before the head of the answer: another endpoint may be tried."""


class ConnectFailed(BeforeResponse):
    """Refused, unreachable, or TLS failed."""

    summary = "could not be connected to"


class ConnectTimeout(BeforeResponse):
    """No connection within `--connect-timeout`."""

    status = 504
    code = "upstream_timeout"
    summary = "took too long to connect to"


class HeaderTimeout(BeforeResponse):
    """No head of an answer within the backend's time limit."""

    status = 504
    code = "upstream_timeout"
    summary = "did not answer in time"


class ConnectionLost(BeforeResponse):
    """The connection ended before the head of the answer was complete."""

    summary = "broke the connection before it answered"


class DuringResponse(UpstreamError):
    """The answer broke after its head: nothing can be tried again."""


class ResponseCut(DuringResponse):
    """The connection ended before the body did."""

    summary = "broke the connection in mid-answer"


class ResponseStalled(DuringResponse):
    """No byte of the body within `--idle-timeout`."""

    status = 504
    code = "upstream_timeout"
    summary = "stopped in mid-answer"


class BadResponse(UpstreamError):
    """The endpoint does not speak HTTP/1.1 as RFC 9112 has it."""

    summary = "did not answer with valid HTTP"
