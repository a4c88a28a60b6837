"""The command `aign study`: compute the cells that are missing, then write tables, curves and the page."""

from __future__ import annotations

from collections.abc import Callable

from aign.errors import ParameterError, unknown_name
from aign.params import Params
from aign.studies import agents, bias, constraints, page, rate, table_two, tables
from aign.studies.cells import PAGES as PAGES


def training(params: Params) -> None:
    """Collect the datasets and train the models of the tables, and no more."""
    tables.train(params)


PARTS: dict[str, Callable[[Params], None]] = {
    "training": training,
    "bias": bias.run,
    "tables": tables.run,
    "constraints": constraints.run,
    "rate": rate.rate,
    "agents": agents.run,
}
"""The studies by name; each computes its missing cells and writes its JSON and plots under PAGES. `training`, datasets
and models, is the long first half of `tables`."""


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
    if part not in ("training", "agents"):
        table_two.write(PAGES)
        page.write(PAGES)
