"""Table II: the claims, judged by the JSON files that the studies have written so far."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from aign.engines import messages
from aign.errors import DatasetError
from aign.files.writing import read_json, write_json
from aign.studies import bias_claims, claims

NAME = "table2.json"
NEEDED = ("table1", "convergence", "transfer", "tables")


def write(folder: Path) -> None:
    """Write table2.json from the files beside it; nothing where the study of the tables was not made.

    Claims about biased data are judged where bias.json is there, those about conditions where constraints.json is.

    Raises:
        DatasetError: a file is damaged.
    """
    if not all((folder / f"{name}.json").exists() for name in NEEDED):
        return
    table, convergence, transfer, about = (_read(folder, name) for name in NEEDED)
    evidence = claims.Evidence(table, convergence, transfer, _read(folder, "constraints"), about["candidates"])
    biased = _read(folder, "bias")
    write_json(folder / NAME, claims.claims(evidence) + (bias_claims.claims(biased) if biased else []))
    messages.made("study", folder / NAME)


def _read(folder: Path, name: str) -> Any:
    path = folder / f"{name}.json"
    return read_json(path, DatasetError) if path.exists() else None
