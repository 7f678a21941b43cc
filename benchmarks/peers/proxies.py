"""nginx and haproxy: the limit of a plain proxy. Both keep connections, stream unbuffered and log accesses."""

import os
import shutil
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from benchmarks.errors import Unavailable
from benchmarks.peers.base import Kit, Running, Surroundings, serving
from benchmarks.processes import free_ports, last_words

_SEARCH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_NGINX = """\
daemon off;
@USER@
worker_processes 1;
worker_rlimit_nofile 16384;
pid @FOLDER@/nginx.pid;
error_log @FOLDER@/nginx-error.log;
events { worker_connections 16000; }
http {
  access_log @FOLDER@/nginx-access.log combined;
  client_body_temp_path @FOLDER@/nginx-body;
  proxy_temp_path @FOLDER@/nginx-proxy;
  fastcgi_temp_path @FOLDER@/nginx-fastcgi;
  uwsgi_temp_path @FOLDER@/nginx-uwsgi;
  scgi_temp_path @FOLDER@/nginx-scgi;
  client_body_buffer_size 256k;
  client_max_body_size 32m;
  keepalive_requests 1000000000;
  upstream engine {
    server @BACKEND@;
    keepalive 4096;
    keepalive_requests 1000000000;
  }
  server {
    listen @TARGET@ backlog=4096;
    location / {
      proxy_pass http://engine;
      proxy_http_version 1.1;
      proxy_set_header Connection "";
      proxy_buffering off;
      proxy_read_timeout 300s;
    }
  }
}
"""
_HAPROXY = """\
global
  maxconn 8000
  nbthread 1
  log stdout format raw local0
defaults
  mode http
  log global
  option httplog
  option http-keep-alive
  option http-no-delay
  http-reuse always
  timeout connect 5s
  timeout client 300s
  timeout server 300s
frontend clients
  bind @TARGET@
  default_backend engine
backend engine
  server engine @BACKEND@ maxconn 8000
"""


def _find(program: str, package: str, kit: Kit) -> str:
    """Return the path of a program from Debian's package, installed if that was allowed."""
    path = shutil.which(program, path=_SEARCH)
    if path is None and kit.may_use_apt:
        environ = dict(kit.environ) | {"DEBIAN_FRONTEND": "noninteractive"}
        for arguments in (("update",), ("install", "--yes", "--no-install-recommends", package)):
            done = subprocess.run(
                ["apt-get", "-qq", *arguments], env=environ, check=False, capture_output=True
            )
            if done.returncode:
                raise Unavailable(last_words(done.stderr.decode(errors="replace")))
        path = shutil.which(program, path=_SEARCH)
    if path is None:
        raise Unavailable(f"not installed: apt-get install {package}, or run with --apt")
    return path


def _version(command: list[str]) -> str:
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    words = (done.stdout + done.stderr).replace("/", " ").split()
    return next((word for word in words if word[:1].isdigit()), "")


@dataclass(frozen=True)
class Nginx:
    """One worker process."""

    name: str = "nginx"
    leaves_out: frozenset[str] = frozenset()
    why: str = ""

    def prepare(self, kit: Kit) -> str:
        return _version([_find("nginx", "nginx-light", kit), "-v"])

    @asynccontextmanager
    async def open(self, surroundings: Surroundings) -> AsyncIterator[Running]:
        program = _find("nginx", "nginx-light", surroundings.kit)
        target = f"127.0.0.1:{free_ports()}"
        user = "user root;" if os.geteuid() == 0 else ""  # so that it may write below the folder
        text = _NGINX.replace("@USER@", user).replace("@TARGET@", target)
        path = surroundings.write("nginx.conf", text)
        command = [program, "-c", str(path), "-p", str(surroundings.folder)]
        environ = surroundings.clean_environ()
        async with serving(surroundings, self.name, command, target, environ) as running:
            yield running


@dataclass(frozen=True)
class Haproxy:
    """One thread."""

    name: str = "haproxy"
    leaves_out: frozenset[str] = frozenset()
    why: str = ""

    def prepare(self, kit: Kit) -> str:
        return _version([_find("haproxy", "haproxy", kit), "-v"])

    @asynccontextmanager
    async def open(self, surroundings: Surroundings) -> AsyncIterator[Running]:
        program = _find("haproxy", "haproxy", surroundings.kit)
        target = f"127.0.0.1:{free_ports()}"
        path = surroundings.write("haproxy.cfg", _HAPROXY.replace("@TARGET@", target))
        command = [program, "-f", str(path)]
        environ = surroundings.clean_environ()
        async with serving(surroundings, self.name, command, target, environ) as running:
            yield running
