"""One planning case as an operator states it: what is to be planned, its answer, the file of it and its map.

Axes: C values of a plan (modules of each link, then fibre pairs where there are two layers), L links.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from aign.errors import ParameterError
from aign.files.writing import read_json, write_json
from aign.scenarios.core.topology import Topology
from aign.scenarios.ip_optical_planning import changes, satellites, single_layer, two_layers
from aign.scenarios.ip_optical_planning.solver.answers import Answer, ImpossibleError, Limits, Progress
from aign.scenarios.ip_optical_planning.solver.instance import Flags, Floats, Instance
from aign.scenarios.ip_optical_planning.solver.search import Search

FILLED = 0.8
"""Share of a module that may be filled."""


@dataclass(frozen=True, eq=False)
class Case:
    """What is to be planned.

    Attributes:
        topology: the network on the ground.
        instance: the planning problem.
        names: C names of the values of a plan.
        exempt: failures that leave some demand without a path: they need not be survived.
        remark: more that an operator should know, or nothing.
        lightpaths: candidates, where there are two layers.
        present: (T, L) which links exist in which slot, where there are satellites.
    """

    topology: Topology
    instance: Instance
    names: list[str]
    exempt: tuple[str, ...] = ()
    remark: str = ""
    lightpaths: two_layers.Candidates | None = None
    present: Flags | None = None

    def solve(self, installed: Floats | None, earned: float, limits: Limits,
              report: Callable[[Progress], None]) -> Plan:
        """Return the cheapest plan; from `installed` modules (C,) on, where given, as steps.

        Raises:
            ParameterError: no plan within the rounds, or `installed` and `earned` that do not fit.
            ImpossibleError: no plan survives every failure, or none within the budget.
        """
        if installed is None:
            answer = Search(self.instance, limits).run(report)
            if limits.budget > -np.inf and answer.within(limits.budget) is False:
                raise ImpossibleError(f"No survivable plan costs {limits.budget:g} or less: the bound is "
                                      f"{answer.bound:.6g}. Allow more: --budget.")
            if answer.plan is None:
                raise ParameterError("No survivable plan was found within the rounds. Allow more: --rounds.")
            return Plan(self, answer.plan, answer.cost, answer.bound,
                        dropped=tuple(self.instance.failures.names[row] for row in answer.dropped))
        change = changes.cheapest(self.instance, installed, earned, limits, report)
        ordered = changes.steps(self.instance, installed, change.plan, earned)
        return Plan(self, change.plan, change.cost, change.bound, tuple(ordered))

    def read_modules(self, path: Path) -> Floats:
        """Return the modules (C,) of a file that `Plan.save` wrote.

        Raises:
            ParameterError: no file of a plan of this network.
        """
        stored = read_json(path, ParameterError)
        modules = stored.get("modules") if isinstance(stored, dict) else None
        if not isinstance(modules, dict) or not set(modules) <= set(self.names):
            raise ParameterError(f"{path}: not a plan of this network. Give a file that `aign plan --save` wrote for "
                                 "it.")
        return np.array([float(modules.get(name, 0)) for name in self.names])


@dataclass(frozen=True, eq=False)
class Plan:
    """The answer to a case.

    Attributes:
        case: what was asked.
        values: (C,) modules and fibre pairs.
        cost: of it, or of the changes to it.
        bound: no survivable plan costs less.
        steps: the changes in order, where something was installed.
        dropped: failures that need not be survived, where the case allows some.
    """

    case: Case
    values: Floats
    cost: float
    bound: float
    steps: tuple[changes.Step, ...] = ()
    dropped: tuple[str, ...] = ()

    def within(self, budget: float) -> str:
        """Say whether a budget is enough."""
        enough = Answer(self.values, self.cost, self.bound).within(budget)
        return f"the budget of {budget:g} is enough" if enough else \
            f"whether {budget:g} is enough stays open: allow more --rounds"

    @property
    def proof(self) -> str:
        """How far the plan may be from the cheapest one."""
        proven = self.cost - self.bound <= 1e-9 * max(1.0, abs(self.cost))
        return "proven optimum" if proven else f"gap {(self.cost - self.bound) / max(1e-9, abs(self.cost)):.2%}"

    def save(self, path: Path) -> None:
        """Write the plan as JSON."""
        modules = {name: int(value) for name, value in zip(self.case.names, self.values, strict=True) if value}
        steps: list[dict[str, Any]] = [
            {"link": self.case.names[step.link], "modules": step.modules, "cost": step.cost, "carries": step.carries}
            for step in self.steps]
        write_json(path, {"network": self.case.topology.name, "cost": self.cost, "bound": self.bound,
                          "exempt": list(self.case.exempt), "dropped": list(self.dropped),
                          "modules": modules, "steps": steps})

    def draw(self, path: Path) -> None:
        """Write the map of the plan as PNG."""
        from aign.scenarios.ip_optical_planning import maps

        topology, lightpaths = self.case.topology, self.case.lightpaths
        title = f"{topology.name}: cost {self.cost:.6g}, {self.proof}"
        if lightpaths is None:
            figure = maps.plan_map(topology, self.values[:topology.links], title)
        else:
            modules, pairs = np.split(self.values, [len(lightpaths)])
            figure = maps.layers_map(topology, lightpaths.ends, lightpaths.direct, modules, pairs, title)
        maps.save(figure, path)


def one_layer(topology: Topology, demand: Floats, unit: float, risks: single_layer.Risks, share: float,
              groups: list[tuple[int, ...]], survived: float) -> Case:
    """Return a case whose IP links are fibres of their own; arguments as of `single_layer.instance`."""
    problem, exempt = single_layer.instance(topology, demand, unit, FILLED, risks, share, groups, survived)
    return Case(topology, problem, [topology.link_name(link) for link in range(topology.links)], exempt)


def over_fibres(topology: Topology, demand: Floats, unit: float, paths: int, share: float,
                survived: float, spare: int) -> Case:
    """Return a case of lightpaths over fibres, of up to `paths` candidates a pair beside the direct ones; the other
    arguments as of `two_layers.instance`.
    """
    lightpaths = two_layers.candidates(topology, paths)
    problem = two_layers.instance(topology, demand, FILLED * unit, lightpaths, share=share, survived=survived,
                                  spare=spare)
    names = [*lightpaths.names(topology), *(f"fibre {topology.link_name(link)}" for link in range(topology.links))]
    return Case(topology, problem, names, lightpaths=lightpaths)


def with_satellites(topology: Topology, demand: Floats, unit: float, sky: satellites.Constellation) -> Case:
    """Return a case with satellites above: every slot is one more scenario, alone and with each fibre cut."""
    problem, present = satellites.instance(topology, demand, FILLED * unit, sky.shell, sky.nodes(topology), sky.slots,
                                           unit, sky.price * unit)
    return Case(topology, problem, satellites.link_names(topology, problem), remark=sky.described(), present=present)
