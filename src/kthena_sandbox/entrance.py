"""How one gets at the API: where it is, how it is known, and as whom."""

import base64
import ssl
from dataclasses import dataclass
from pathlib import Path

import yaml


@dataclass(frozen=True)
class Entrance:
    """`ca_pem` and `token` are empty for a server of plain HTTP, to which everybody is the administrator.

    `token_file` is in the place of `token` where it changes.
    """

    server: str
    ca_pem: str = ""
    token: str = ""
    token_file: Path | None = None

    def tls(self) -> ssl.SSLContext | bool:
        """What httpx takes as `verify`."""
        return ssl.create_default_context(cadata=self.ca_pem) if self.ca_pem else True

    def headers(self) -> dict[str, str]:
        """What every request carries."""
        return {"authorization": f"Bearer {self.token}"} if self.token else {}


def read_entrance(kubeconfig: Path) -> Entrance:
    """The entrance that a kubeconfig of the sandbox names. Raises OSError."""
    document = yaml.safe_load(kubeconfig.read_text(encoding="utf-8"))
    cluster, user = document["clusters"][0]["cluster"], document["users"][0]["user"]
    data = cluster.get("certificate-authority-data", "")
    return Entrance(cluster["server"], base64.b64decode(data).decode(), user.get("token", ""))
