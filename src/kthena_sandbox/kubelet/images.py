"""The images that the sandbox knows, and what runs in their place. Pure."""

from collections.abc import Mapping
from typing import Any, Literal

Program = Literal["engine", "router", "echo", "dns", "picker", "stand-in"]
_SGLANG: dict[str, Any] = {"engine": "sglang"}
ENGINES: Mapping[str, Mapping[str, Any]] = {
    "kthena/mock-engine": {},
    "ghcr.io/faust-benchou/dynamo-mocker-vllm": {},
    "ghcr.io/faust-benchou/dynamo-mocker-sglang": _SGLANG,
    "ghcr.io/llm-d/llm-d-inference-sim": {},
    "ghcr.io/faust-benchou/sglang-inference-sim": _SGLANG,
}
# By the last part of their names: everybody pushes them to a registry of his own.
_BY_LAST_PART: Mapping[str, Program] = {
    "kthena-router": "router",
    "echo-basic": "echo",
    "coredns": "dns",
    "lwepp": "picker",
    "epp": "stand-in",
}


def repository(image: str) -> str:
    """An image's name without registry defaults, tag and digest."""
    name = image.partition("@")[0]
    head, slash, last = name.rpartition("/")
    name = head + slash + last.partition(":")[0]
    return name.removeprefix("docker.io/").removeprefix("library/")


def program_of(image: str) -> Program | None:
    """What runs for an image; None for an unknown one."""
    name = repository(image)
    if name in ENGINES:
        return "engine"
    return _BY_LAST_PART.get(name.rpartition("/")[2])


def defaults_of(image: str) -> Mapping[str, Any]:
    """The arguments that an image sets for its engine."""
    return ENGINES.get(repository(image), {})


def refusal(image: str, annotation: str) -> str:
    """Why an image is not run, and what to do instead."""
    known = ", ".join([*ENGINES, *_BY_LAST_PART])
    return (
        f'the sandbox pulls no images; it runs these itself: {known}. "{image}" is none of them: '
        f"annotate the pod with {annotation} to let it stand for a server that runs elsewhere."
    )
