"""Bug reports of strangers, each with its input and the right behaviour; run all: `python -m pytest tests/cases`.

A test that reads a report's own files finds them in $AIGN_CASES, or in shared/cases beside this checkout.
"""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).resolve().parents[2]


@pytest.fixture
def case_folder() -> Callable[[str], Path]:
    """Return a function from a case's name to the folder with its files; without one the test is skipped."""
    def folder(name: str) -> Path:
        cases = Path(os.environ.get("AIGN_CASES", CHECKOUT.parent / "shared" / "cases"))
        if not (cases / name).is_dir():
            pytest.skip(f"the files of case {name} are not in {cases}; set AIGN_CASES to the folder that has them")
        return cases / name

    return folder
