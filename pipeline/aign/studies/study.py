"""The command `aign study`: compute the cells that are missing, then write tables, curves and the page."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from aign.errors import DatasetError, ParameterError, unknown_name
from aign.files.writing import read_json
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


MADE = {"table1": "tables", "transfer": "tables", "bias": "bias"}
"""Files with rows of returns that the page reads, and which study makes them."""


def check_files(part: str, folder: Path) -> None:
    """Refuse, before hours of work, files of earlier programs that this part does not make again but the page reads.

    Raises:
        DatasetError: a file states means of normalised returns, or is damaged.
    """
    for name, maker in MADE.items():
        path = folder / f"{name}.json"
        if part in ("all", maker) or not path.exists():
            continue
        if any("normalised_return" in row for row in read_json(path, DatasetError)):
            raise DatasetError(f"{path}: written by an earlier aign, which averaged normalised returns otherwise. Run "
                               "`aign study`, which makes all anew, or move it away: the page then leaves it out.")


def study(part: str, params: Params) -> None:
    """Run one study, or all of them, and write the page.

    Raises:
        ParameterError: there is no such study.
        DatasetError: a file that the page reads beside it is of an earlier program.
    """
    if part != "all" and part not in PARTS:
        raise ParameterError(unknown_name("study", part, ("all", *PARTS)))
    if part not in ("training", "agents"):
        check_files(part, PAGES)
    for name, run in PARTS.items():
        if part in ("all", name):
            run(params)
    if part not in ("training", "agents"):
        table_two.write(PAGES)
        page.write(PAGES)
