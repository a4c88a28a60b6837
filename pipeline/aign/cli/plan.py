"""The command `aign plan`: the cheapest survivable network for a traffic matrix, with proof; no model is needed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from aign.cli import plan_options as options
from aign.engines import messages
from aign.errors import ParameterError

if TYPE_CHECKING:
    from aign.scenarios.core.topology import Topology
    from aign.scenarios.ip_optical_planning.case import Case, Plan
    from aign.scenarios.ip_optical_planning.solver.answers import Progress


def plan(
    network: options.Network, traffic: options.Traffic = None, grow: options.Grow = 1.0, unit: options.Unit = None,
    risks: options.MayFail = "links", share: options.Share = 1.0, groups: options.Groups = None,
    reliability: options.Reliability = 1.0, layers: options.Layers = 1, paths: options.Paths = 1,
    spare: options.Spare = 0, satellites: options.Satellites = None, installed: options.Installed = None,
    earned: options.Earned = 0.0, budget: options.Budget = None, gap: options.Gap = 0.0, rounds: options.Rounds = 60,
    save: options.Save = None, map_: options.Map = None,
) -> None:
    """Plan the cheapest network that survives every failure: cost, proven bound, gap, and each link's modules."""
    from aign.checked_yaml import load
    from aign.scenarios.ip_optical_planning import case, own_networks, single_layer
    from aign.scenarios.ip_optical_planning.satellites import Constellation
    from aign.scenarios.ip_optical_planning.solver.answers import Limits

    other = {"groups": groups, "risks": risks if risks != "links" else None}
    partial = {"reliability": reliability if reliability < 1 else None}
    _check(layers == 2, "--layers 2", installed=installed, satellites=satellites, **other)
    _check(satellites is not None, "--satellites", **other, share=share if share < 1 else None, **partial)
    _check(installed is not None, "--installed", **partial, budget=budget)
    _check(layers == 1, "--layers 1", spare=spare or None)
    _check(installed is None, "planning without --installed", earned=earned or None)
    topology = network_of(network, traffic)
    known = topology, grow * single_layer.traffic_of(topology), unit or single_layer.unit_of(topology)
    if satellites is not None:
        asked = case.with_satellites(*known, load(satellites, Constellation, ParameterError))
    elif layers == 2:
        asked = case.over_fibres(*known, paths, share, reliability, spare)
    else:
        together = [] if groups is None else own_networks.read_groups(topology, groups)
        asked = case.one_layer(*known, risks, share, together, reliability)
    current = asked.read_modules(installed) if installed is not None else None
    limits = Limits(gap, rounds) if budget is None else Limits(gap, rounds, budget=budget)
    answer = asked.solve(current, earned, limits, _report(network))
    _show(asked, answer)
    if budget is not None:
        messages.say(f"plan {network}", answer.within(budget))
    for path, write in ((save, answer.save), (map_, answer.draw)):
        if path is not None:
            write(path)
            messages.made(f"plan {network}", path)


def _check(chosen: bool, option: str, **others: object) -> None:
    """Refuse options that do not go with a chosen one; those not given are None."""
    wrong = [f"--{name}" for name, value in others.items() if value is not None]
    if chosen and wrong:
        raise ParameterError(f"{option} does not go with {', '.join(wrong)}. Leave that out.")


def network_of(network: str, traffic: Path | None) -> Topology:
    """Return a network of SNDlib by its name, or that of a file; with the traffic of a second file where given.

    Raises:
        ParameterError: neither a name nor a file, or a file that cannot be read.
    """
    from aign.scenarios.core import topology
    from aign.scenarios.ip_optical_planning.own_networks import read_network, with_traffic

    if network in topology.names():
        known = topology.load(network, largest=None)
        return known if traffic is None else with_traffic(known, traffic)
    if not Path(network).suffix:
        return topology.load(network)  # says which names there are
    return read_network(Path(network), traffic)


def _report(network: str) -> Callable[[Progress], None]:
    def report(progress: Progress) -> None:
        """Say where the search stands."""
        messages.measured(f"plan {network}", round=progress.round, bound=progress.bound, cost=progress.cost,
                          gap=progress.gap)
    return report


def _show(asked: Case, answer: Plan) -> None:
    from rich.table import Table

    title = f"{asked.topology.name}: cost {answer.cost:.6g}, bound {answer.bound:.6g} ({answer.proof})"
    if asked.remark:
        title += f"\n{asked.remark}"
    if asked.exempt:
        title += f"\nexempt, because they leave demands without a path: {', '.join(asked.exempt)}"
    if answer.dropped:
        title += f"\nneed not be survived: {', '.join(answer.dropped)}"
    table = Table("step" if answer.steps else "link", "modules", title=title)
    if answer.steps:
        table.add_column("cost")
        table.add_column("traffic carried after it")
        for step in answer.steps:
            table.add_row(asked.names[step.link], f"{step.modules:+d}", f"{step.cost:.6g}", f"{step.carries:.1%}")
    else:
        for name, modules in zip(asked.names, answer.values, strict=True):
            if modules:
                table.add_row(name, f"{modules:g}")
    messages.console.print(table)
