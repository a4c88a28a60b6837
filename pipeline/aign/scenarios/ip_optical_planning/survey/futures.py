"""Futures of a network: traffic matrices drawn around the published one, or read from CSV files.

Axes: N futures, n nodes, P pairs with a published demand.
"""

from __future__ import annotations

import csv
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from aign.errors import ParameterError
from aign.scenarios.core.topology import Topology
from aign.scenarios.ip_optical_planning.own_networks import text_of, with_traffic
from aign.scenarios.ip_optical_planning.single_layer import traffic_of
from aign.scenarios.ip_optical_planning.solver.instance import Floats

COLUMNS = ["future", "source", "target", "demand"]
"""First row of a CSV file with many matrices."""


@dataclass(frozen=True, slots=True)
class Spread:
    """How futures differ from the published demands: each demand times one factor of all and one of its own.

    Attributes:
        common: lowest and highest factor on all traffic, drawn evenly.
        pair: lowest and highest factor on a pair's traffic, drawn evenly for each pair.
    """

    common: tuple[float, float] = (0.8, 1.5)
    pair: tuple[float, float] = (0.6, 1.4)

    def __post_init__(self) -> None:
        for name in ("common", "pair"):
            low, high = getattr(self, name)
            if not 0 < low <= high <= 1e6:
                raise ParameterError(f"Factors on the traffic ({name}): given {low:g} to {high:g}; allowed: a low and "
                                     "a high factor above 0.")

    def drawn(self, topology: Topology, number: int, seed: int) -> Floats:
        """Return one future (n, n): the same for equal number and seed, whatever else is drawn."""
        random = np.random.default_rng([seed, number])
        factors = random.uniform(*self.common) * random.uniform(*self.pair, len(topology.pairs))
        return traffic_of(replace(topology, demand=factors * topology.demand))


def read(topology: Topology, path: Path) -> tuple[list[str], list[Floats]]:
    """Return the names and matrices (n, n) of a folder of CSV files, or of one file: future, source, target, demand.

    Each file of a folder holds one matrix, as `own_networks` reads it.

    Raises:
        ParameterError: nothing is there, or a file that cannot be read as traffic of this network.
    """
    if path.is_dir():
        files = sorted(path.glob("*.csv"))
        if not files:
            raise ParameterError(f"{path}: no CSV file in this folder. Give one for each matrix.")
        return [file.stem for file in files], [traffic_of(with_traffic(topology, file)) for file in files]
    rows = list(csv.reader(text_of(path).splitlines()))
    if not rows or [cell.strip().lower() for cell in rows[0]] != COLUMNS:
        raise ParameterError(f"{path}: its first row is not {','.join(COLUMNS)}. Give these columns, or a folder with "
                             "a CSV file for each matrix.")
    matrices: dict[str, Floats] = {}
    place = {name: number for number, name in enumerate(topology.nodes)}
    for number, row in enumerate(rows[1:], 2):
        name, source, target, demand = _cells(path, number, row, place)
        matrix = matrices.setdefault(name, np.zeros((topology.size, topology.size)))
        matrix[source, target] = matrix[target, source] = max(demand, matrix[source, target])
    if not matrices:
        raise ParameterError(f"{path}: it holds no traffic. Give a row for each demand.")
    return list(matrices), list(matrices.values())


def _cells(path: Path, number: int, row: list[str], place: dict[str, int]) -> tuple[str, int, int, float]:
    cells = [cell.strip() for cell in row]
    try:
        name, source, target, value = cells
        ends, demand = (place[source], place[target]), float(value)
    except (ValueError, KeyError):
        raise ParameterError(f"{path}: row {number} is {','.join(cells)}; give a future's name, two nodes of the "
                             "network and a number.") from None
    if ends[0] == ends[1] or not 0 <= demand < np.inf:
        raise ParameterError(f"{path}: row {number} is {','.join(cells)}; give traffic from 0 between two nodes.")
    return name, *ends, demand
