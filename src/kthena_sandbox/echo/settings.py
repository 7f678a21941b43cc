"""What the image's environment variables ask for. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

Mode = Literal["http", "tcp", "grpc", "udp"]
# By the variable that asks for one, and the order in which the program looks.
_MODES: Mapping[str, Mode] = {
    "GRPC_ECHO_SERVER": "grpc", "TCP_ECHO_SERVER": "tcp", "UDP_ECHO_SERVER": "udp",
}  # fmt: skip
_PORTS: Mapping[Mode, tuple[str, int]] = {
    "http": ("HTTP_PORT", 3000), "grpc": ("HTTP_PORT", 3000), "tcp": ("TCP_PORT", 3000),
    "udp": ("UDP_PORT", 8080),
}  # fmt: skip


class SettingsError(Exception):
    """A variable that cannot be read; the text says which."""


@dataclass(frozen=True, kw_only=True)
class EchoSettings:
    """Ports, who the pod is, and the files of TLS; without a certificate there is no HTTPS.

    `http_port` is the port for clear text, whatever the mode speaks there.
    """

    mode: Mode = "http"
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


def read_settings(variables: Mapping[str, str]) -> EchoSettings:
    """The settings. Raises SettingsError."""
    mode: Mode = next((mode for name, mode in _MODES.items() if variables.get(name)), "http")
    key = "TLS_SERVER_PRIVKEY" if mode == "http" else "TLS_SERVER_PRIV_KEY"
    return EchoSettings(
        mode=mode,
        http_port=_port(variables, *_PORTS[mode]),
        h2c_port=_port(variables, "H2C_PORT", 3001),
        https_port=_port(variables, "TLS_PORT" if mode == "tcp" else "HTTPS_PORT", 8443),
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
