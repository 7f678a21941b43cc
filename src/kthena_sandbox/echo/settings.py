"""What the image's environment variables ask for. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal


class SettingsError(Exception):
    """A variable that cannot be read; the text says which."""


@dataclass(frozen=True, kw_only=True)
class EchoSettings:
    """Ports, who the pod is, and the files of TLS; without a certificate there is no HTTPS."""

    mode: Literal["http", "tcp"] = "http"
    http_port: int = 3000
    h2c_port: int = 3001
    https_port: int = 8443
    certificate: str = ""
    key: str = ""
    client_ca: str = ""
    namespace: str = ""
    ingress: str = ""
    service: str = ""
    pod: str = ""

    @property
    def context(self) -> dict[str, str]:
        """Who the pod is, as answers tell it."""
        return {"namespace": self.namespace, "ingress": self.ingress, "service": self.service, "pod": self.pod}  # fmt: skip


def unsupported_mode(variables: Mapping[str, str]) -> str:
    """The variable that asks for a server that this one is not; "" where there is none."""
    asked = (name for name in ("GRPC_ECHO_SERVER", "UDP_ECHO_SERVER") if variables.get(name))
    return next(asked, "")


def read_settings(variables: Mapping[str, str]) -> EchoSettings:
    """The settings. Raises SettingsError."""
    tcp = bool(variables.get("TCP_ECHO_SERVER"))
    key = "TLS_SERVER_PRIV_KEY" if tcp else "TLS_SERVER_PRIVKEY"
    return EchoSettings(
        mode="tcp" if tcp else "http",
        http_port=_port(variables, "TCP_PORT" if tcp else "HTTP_PORT", 3000),
        h2c_port=_port(variables, "H2C_PORT", 3001),
        https_port=_port(variables, "TLS_PORT" if tcp else "HTTPS_PORT", 8443),
        certificate=variables.get("TLS_SERVER_CERT", "") if variables.get(key) else "",
        key=variables.get(key, ""),
        client_ca=variables.get("TLS_CLIENT_CACERTS", ""),
        namespace=variables.get("NAMESPACE", ""),
        ingress=variables.get("INGRESS_NAME", ""),
        service=variables.get("SERVICE_NAME", ""),
        pod=variables.get("POD_NAME", ""),
    )


def _port(variables: Mapping[str, str], name: str, usual: int) -> int:
    text = variables.get(name) or str(usual)
    if not text.isdecimal() or not 0 < int(text) < 65536:
        raise SettingsError(f"{name}: {text!r} is not a port")
    return int(text)
