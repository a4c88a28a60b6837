"""How operators speak of a backbone: by its nodes and its name; traffic as a CSV matrix; the planner without a model.

Axes: P demands.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from aign.errors import AignError, ParameterError
from aign.scenarios.core import topology as topologies
from aign.scenarios.core.constraints import Constraint
from aign.scenarios.core.features import Feature
from aign.scenarios.core.speech import Speech
from aign.scenarios.ip_optical_planning.own_networks import with_traffic
from aign.scenarios.ip_optical_planning.parameters import IpOpticalPlanningParameters
from aign.scenarios.ip_optical_planning.problem import Problem
from aign.scenarios.ip_optical_planning.single_layer import traffic_of

NODES = "nodes"
MATRIX = ".csv"
KNOWN_TO_PLANNER = {"topology", "protected"}
"""Parameters that `aign plan` takes too."""


class BackboneSpeech(Speech[IpOpticalPlanningParameters]):
    """See `Speech`."""

    problem: Problem

    @property
    def sizes(self) -> dict[str, int]:
        """Nodes, and the whole parameters."""
        return {**super().sizes, NODES: self.problem.topology.size}

    @property
    def proper_names(self) -> tuple[str, ...]:
        """The topology."""
        return (self.problem.topology.name,)

    def context_names(self, feature: Feature) -> Sequence[str]:
        """Return the two ends of each demand."""
        topology = self.problem.topology
        return [f"{topology.nodes[first]}-{topology.nodes[second]}" for first, second in topology.pairs]

    def resized(self, sizes: Mapping[str, float]) -> dict[str, Any] | None:
        """Return the parameters of a public topology with so many nodes."""
        if sizes.get(NODES, self.problem.topology.size) == self.problem.topology.size:
            return None
        fitting = (name for name in topologies.names() if topologies.load(name, largest=None).size == sizes[NODES])
        return next(({"topology": name} for name in fitting if self._admitted(name)), None)

    def _admitted(self, name: str) -> bool:
        try:
            self.create(topology=name)
        except AignError:
            return False
        return True

    def context_from(self, path: Path) -> Tensor | None:
        """Return the demands (P,) of a CSV traffic matrix."""
        if path.suffix.lower() != MATRIX:
            return None
        topology = self.problem.topology
        matrix = traffic_of(with_traffic(topology, path))
        demand = torch.tensor(matrix[topology.pairs[:, 0], topology.pairs[:, 1]], dtype=torch.float32)
        if abs(float(demand.sum()) - matrix.sum() / 2) > 1e-4 * matrix.sum():
            raise ParameterError(f"{path}: has traffic between nodes that exchange none in {topology.name}, which a "
                                 "model of it does not know. Use `aign plan`, which plans for any matrix.")
        return demand

    def planner_command(self, constraints: Sequence[Constraint], objectives: Sequence[str],
                        context: str | None) -> list[str] | None:
        """Return `aign plan` for the least cost that survives every link failure, so any demand on reliability."""
        parameters = self.parameters
        if tuple(objectives) != ("min cost",) or (context is not None and Path(context).suffix.lower() != MATRIX):
            return None
        if any(bound.upper or bound.label not in ("reliability", "ip") or bound.closed.threshold > 1
               for bound in constraints):
            return None
        values, usual = parameters.model_dump(), type(parameters)().model_dump()
        if {name for name, value in usual.items() if values[name] != value} - KNOWN_TO_PLANNER:
            return None
        traffic = [] if context is None else ["--traffic", context]
        share = [] if parameters.protected == 1 else ["--share", f"{parameters.protected:g}"]
        return ["plan", parameters.topology, *traffic, *share]
