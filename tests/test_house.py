"""What the house promises about itself."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
SOURCES = sorted((ROOT / "src").rglob("*.py"))
MAX_MODULE_LINES = 350
MAX_FUNCTION_LINES = 60


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT / "src")))
def test_modules_and_functions_fit_on_a_screen_or_two(path: Path) -> None:
    text = path.read_text()
    tree = ast.parse(text)
    longest = max(
        (
            (node.end_lineno or 0) - node.lineno
            for node in ast.walk(tree)
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        ),
        default=0,
    )

    assert len(text.splitlines()) <= MAX_MODULE_LINES
    assert longest <= MAX_FUNCTION_LINES


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT / "src")))
def test_modules_say_what_they_are_for(path: Path) -> None:
    assert ast.get_docstring(ast.parse(path.read_text())) or not path.read_text().strip()
