from pathlib import Path

import pytest

from kthena_router.cli.config_file import check_config_file
from kthena_router.cli.flags import UsageError


def write(folder: Path, text: str) -> Path:
    path = folder / "routerConfiguration.yaml"
    path.write_text(text)
    return path


@pytest.mark.parametrize(
    "text",
    [
        "",
        "scheduler: {}",
        "scheduler: {plugins: {Score: {enabled: [{name: least-request, weight: 1}]}}}",
    ],
)
def test_what_is_built_in_may_be_asked_for(tmp_path: Path, text: str) -> None:
    check_config_file(write(tmp_path, text))
    check_config_file(tmp_path / "absent.yaml")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "scheduler: {plugins: {Filter: {enabled: [lora-affinity]}}}",
            "filter plugin lora-affinity",
        ),
        (
            "scheduler: {plugins: {Score: {enabled: [{name: prefix-cache}]}}}",
            "score plugin prefix-cache",
        ),
        ("auth: {jwksUri: https://x}", "JWT authentication"),
        ("- 1", "failed to parse router config"),
        ("a: [", "failed to parse router config"),
    ],
)
def test_what_is_missing_or_unreadable_ends_the_start(
    tmp_path: Path, text: str, message: str
) -> None:
    with pytest.raises(UsageError, match=message):
        check_config_file(write(tmp_path, text))
