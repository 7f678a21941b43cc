"""The images that the sandbox knows, and the engines that they become. Pure."""

from collections.abc import Mapping
from typing import Any

_SGLANG: dict[str, Any] = {"engine": "sglang"}
KNOWN: Mapping[str, Mapping[str, Any]] = {
    "kthena/mock-engine": {},
    "ghcr.io/faust-benchou/dynamo-mocker-vllm": {},
    "ghcr.io/faust-benchou/dynamo-mocker-sglang": _SGLANG,
    "ghcr.io/llm-d/llm-d-inference-sim": {},
    "ghcr.io/faust-benchou/sglang-inference-sim": _SGLANG,
}


def repository(image: str) -> str:
    """An image's name without registry defaults, tag and digest."""
    name = image.partition("@")[0]
    head, slash, last = name.rpartition("/")
    name = head + slash + last.partition(":")[0]
    return name.removeprefix("docker.io/").removeprefix("library/")


def defaults_of(image: str) -> Mapping[str, Any] | None:
    """The arguments that an image sets for its engine; None for an unknown image."""
    return KNOWN.get(repository(image))


def refusal(image: str, annotation: str) -> str:
    """Why an image is not run, and what to do instead."""
    known = ", ".join(KNOWN)
    return (
        f'the sandbox pulls no images; it runs these itself: {known}. "{image}" is none of them: '
        f"annotate the pod with {annotation} to let it stand for a server that runs elsewhere."
    )
