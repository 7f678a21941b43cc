import pytest

from kthena_sandbox.schema.quantities import canonical_quantity


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("0.5", "500m"), ("1000m", "1"), ("1500m", "1500m"), ("1000", "1k"), ("1024Mi", "1Gi"), ("1500Mi", "1500Mi"),
        ("0.5Gi", "512Mi"), ("0.1Ki", "102400m"), ("128974848", "128974848"), ("1e3", "1e3"), ("12e4", "120e3"),
        ("0m", "0"), ("-1.5Gi", "-1536Mi"), ("0.0000000001", "1n"), ("1.0", "1"), ("lots", "lots"),
    ],
)  # fmt: skip
def test_quantities_are_kept_in_one_form(text: str, kept: str) -> None:
    assert canonical_quantity(text) == kept
