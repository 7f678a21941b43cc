from pathlib import Path

import pytest
from deploy.generate_crds import FOLDERS, render


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.parent.name)
def test_definitions_are_those_that_the_structs_make(folder: Path) -> None:
    for name, text in render().items():
        assert text == (folder / name).read_text(), "run `make generate`"
