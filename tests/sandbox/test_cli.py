"""The sandbox's command line, and how it answers to arguments, files and signals that are wrong or early."""

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from kthena_sandbox.apiprocess import SandboxError
from kthena_sandbox.cli import main, parse
from kthena_sandbox.ports import check_ports
from kthena_sandbox.settings import Settings, default_kubeconfig


def test_what_is_started_without_arguments() -> None:
    assert parse([]) == Settings()


def test_ports_that_are_none(capsys: pytest.CaptureFixture[str]) -> None:
    for argument in ("--api-port=65536", "--router-port=0", "--gateway-port=-1", "--api-port=x"):
        with pytest.raises(SystemExit) as ended:
            main([argument])
        assert ended.value.code == 2
    assert "argument --router-port: must be a port from 1 to 65535: '0'" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("field", "more", "message"),
    [
        ("api_port", {}, "wanted for the API server, is taken: choose another with --api-port"),
        ("metrics_port", {}, "wanted for the router's metrics, is taken: choose another with --metrics-port"),
        ("gateway_port", {"demo": True},
         "wanted for the guide's second Gateway, is taken: choose another with --gateway-port"),
    ],
)  # fmt: skip
def test_a_port_that_is_taken_is_named(field: str, more: dict[str, bool], message: str) -> None:
    free = dict.fromkeys(("api_port", "router_port", "management_port", "metrics_port"), 0)
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        settings = Settings(**{**free, "gateway_port": 0, field: port, **more})
        with pytest.raises(SandboxError) as refused:
            check_ports(settings, print)
    assert str(refused.value) == f"port {port} on 127.0.0.1, {message}"


def test_a_check_takes_other_ports() -> None:
    said: list[str] = []
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        settings = Settings(api_port=0, router=False, check=True)
        assert check_ports(settings, said.append) == settings
        taken = Settings(api_port=port, router=False, check=True)
        assert check_ports(taken, said.append).api_port not in {0, port}
    assert len(said) == 1


def test_the_kubeconfig_lies_in_the_users_cache(tmp_path: Path) -> None:
    environ = {"HOME": str(tmp_path)}
    folder = tmp_path / ".cache" / "kthena-sandbox"
    assert default_kubeconfig(6443, environ, tmp_path) == folder / "kubeconfig"
    assert default_kubeconfig(7000, environ, tmp_path) == folder / "kubeconfig-7000"
    assert folder.stat().st_mode & 0o777 == 0o700
    environ["XDG_CACHE_HOME"] = str(tmp_path / "xdg")
    elsewhere = tmp_path / "xdg" / "kthena-sandbox" / "kubeconfig"
    assert default_kubeconfig(6443, environ, tmp_path) == elsewhere
    assert default_kubeconfig(0, environ, tmp_path) == tmp_path / "kubeconfig"


@pytest.mark.parametrize("home", [{}, {"HOME": "/proc"}])
def test_without_a_home_it_lies_in_the_temporary_folder(
    tmp_path: Path, home: dict[str, str]
) -> None:
    environ = {"TMPDIR": str(tmp_path)} | home
    folder = tmp_path / f"kthena-{os.getuid()}" / "kthena-sandbox"
    assert default_kubeconfig(6443, environ, tmp_path) == folder / "kubeconfig"


def test_where_nothing_can_be_written_it_lies_in_the_folder_of_the_run(tmp_path: Path) -> None:
    assert default_kubeconfig(6443, {"TMPDIR": "/proc"}, tmp_path) == tmp_path / "kubeconfig"


_INTERRUPTS_ITSELF = """
import os, signal, sys

class Finder:
    def find_spec(self, name, path=None, target=None):
        if name == "kthena_sandbox.cli":
            signal.signal(signal.SIGINT, signal.default_int_handler)  # ignored in the background
            os.kill(os.getpid(), signal.SIGINT)

sys.meta_path.insert(0, Finder())
"""


@pytest.mark.system
def test_ctrl_c_in_the_first_moment_ends_it_quietly(tmp_path: Path) -> None:
    (tmp_path / "sitecustomize.py").write_text(_INTERRUPTS_ITSELF)
    paths = os.pathsep.join([str(tmp_path), *filter(None, sys.path)])
    ended = subprocess.run(
        [sys.executable, "-m", "kthena_sandbox"],
        env=os.environ | {"PYTHONPATH": paths}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (ended.returncode, ended.stdout, ended.stderr) == (130, "", "")


@pytest.mark.system
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--kubeconfig", "/proc/nowhere/kc"], "cannot write the kubeconfig /proc/nowhere/kc: No such file or directory"),
        (["--state", "/proc/nowhere/s"], "cannot open the state file /proc/nowhere/s: No such file or directory"),
    ],
)  # fmt: skip
def test_files_that_cannot_be_written(tmp_path: Path, arguments: list[str], message: str) -> None:
    usual = ["--no-router", "--api-port", "0", "--kubeconfig", str(tmp_path / "kc")]
    command = [sys.executable, "-m", "kthena_sandbox", *usual, *arguments]
    ended = subprocess.run(
        command, env=os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert ended.returncode == 1
    expected = f"sandbox: the API server does not start: the API server cannot run: {message}\n"
    assert ended.stderr == expected
