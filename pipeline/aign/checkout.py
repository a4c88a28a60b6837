"""In a folder with code of its own, a stage runs that code: DVC records results beside the code it stands in."""

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
        raise AignError(f"{Path.cwd()} has code of its own in {CODE}, but this command runs that in {running}, so its "
                        f"results would be taken for those of another code. Run `python pipeline "
                        f"{' '.join(sys.argv[1:])}` instead.")
