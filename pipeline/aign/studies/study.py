"""The command `aign study`: compute the cells that are missing, then write tables, curves and the page."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from aign.errors import ParameterError, unknown_name
from aign.params import Params

PAGES = Path("data/reports/tables")
PARTS: dict[str, Callable[[Params], None]] = {}
"""The studies by name; each computes its missing cells and writes its JSON and plots under PAGES."""


def study(part: str, params: Params) -> None:
    """Run one study, or all of them, and write the page.

    Raises:
        ParameterError: there is no such study.
    """
    if part != "all" and part not in PARTS:
        raise ParameterError(unknown_name("study", part, ("all", *PARTS)))
    for name, run in PARTS.items():
        if part in ("all", name):
            run(params)
