"""In a checkout, a stage must run the code of that checkout: DVC records its results together with that code."""

from __future__ import annotations

import sys
from pathlib import Path

import aign
from aign.errors import AignError

CODE = Path("pipeline/aign")
"""Where a checkout keeps the package."""


def here() -> bool:
    """Return whether the working folder is a checkout."""
    return (CODE / "__init__.py").is_file()


def check() -> None:
    """Refuse to run another folder's code where the working folder is a checkout.

    Raises:
        AignError: the working folder holds the package, but this program was imported from elsewhere.
    """
    running = Path(aign.__file__).resolve().parent
    if here() and CODE.resolve() != running:
        raise AignError(f"{Path.cwd()} contains its own code in {CODE}, but this command runs the code in {running}, "
                        f"so DVC would record its results with the wrong code. Run `python pipeline "
                        f"{' '.join(sys.argv[1:])}` instead.")
