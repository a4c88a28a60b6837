"""The command `aign plan`: the cheapest survivable network for a traffic matrix, with proof; no model is needed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from aign.engines import messages
from aign.errors import ParameterError

if TYPE_CHECKING:
    from aign.scenarios.core.topology import Topology
    from aign.scenarios.ip_optical_planning.case import Case, Plan
    from aign.scenarios.ip_optical_planning.solver.search import Progress


def plan(
    network: Annotated[str, typer.Argument(help="A network of SNDlib, such as nobel-germany, or a file: .txt, .xml "
                                                "(SNDlib), .json (node-link), .graphml.")],
    traffic: Annotated[Path | None, typer.Option(help="CSV file with the traffic, where the network's file has none "
                                                      "or another one.")] = None,
    grow: Annotated[float, typer.Option(help="Factor on all traffic.", min=1e-6, max=1e6)] = 1.0,
    unit: Annotated[float | None, typer.Option(help="Capacity of a module, in the unit of the traffic.",
                                               min=1e-9)] = None,
    risks: Annotated[Literal["links", "nodes", "both", "none"], typer.Option(help="What may fail, one at a time.",
                                                                             )] = "links",
    share: Annotated[float, typer.Option(help="Share of each demand that must survive a failure.", min=0.0,
                                         max=1.0)] = 1.0,
    groups: Annotated[Path | None, typer.Option(help="File with links that share a risk: a line of links, such as "
                                                     "A-B, B-C, for each group that fails together.")] = None,
    reliability: Annotated[float, typer.Option(help="Share of the failures that must be survived; the plan chooses "
                                                    "which.", min=0.0, max=1.0)] = 1.0,
    layers: Annotated[int, typer.Option(help="1: IP links are fibres; 2: lightpaths over fibres.", min=1,
                                        max=2)] = 1,
    paths: Annotated[int, typer.Option(help="Two layers: candidate paths per pair of nodes for lightpaths.",
                                       min=0)] = 1,
    spare: Annotated[int, typer.Option(help="Two layers: channels of each lit fibre pair that stay free.",
                                       min=0)] = 0,
    satellites: Annotated[Path | None, typer.Option(help="YAML file with a shell of satellites, their gateways and "
                                                         "time slots: every slot must be survived.")] = None,
    installed: Annotated[Path | None, typer.Option(help="JSON file of `--save`: plan the changes to that network.",
                                                   )] = None,
    earned: Annotated[float, typer.Option(help="With --installed: what removing a module earns, as a share of its "
                                               "price; 0: nothing is removed.", min=0.0, max=1.0)] = 0.0,
    budget: Annotated[float | None, typer.Option(help="Stop once it is clear whether that much is enough.")] = None,
    gap: Annotated[float, typer.Option(help="Relative gap at which the search may stop.", min=0.0, max=1.0)] = 0.0,
    rounds: Annotated[int, typer.Option(help="Most rounds of the search.", min=1)] = 60,
    save: Annotated[Path | None, typer.Option(help="Write the plan as JSON.")] = None,
    map_: Annotated[Path | None, typer.Option("--map", help="Draw the plan as PNG.")] = None,
) -> None:
    """Plan the cheapest network that survives every failure: cost, proven bound, gap, and each link's modules."""
    from aign.checked_yaml import load
    from aign.scenarios.ip_optical_planning import case, single_layer
    from aign.scenarios.ip_optical_planning.own_networks import read_groups
    from aign.scenarios.ip_optical_planning.satellites import Constellation
    from aign.scenarios.ip_optical_planning.solver.search import Limits

    _check(layers == 2, "--layers 2", installed=installed, satellites=satellites, groups=groups,
           risks=risks if risks != "links" else None)
    _check(satellites is not None, "--satellites", groups=groups, risks=risks if risks != "links" else None,
           share=share if share < 1 else None, reliability=reliability if reliability < 1 else None)
    _check(installed is not None, "--installed", reliability=reliability if reliability < 1 else None, budget=budget)
    _check(layers == 1, "--layers 1", spare=spare or None)
    _check(installed is None, "planning without --installed", earned=earned or None)
    topology = network_of(network, traffic)
    demand, unit = grow * single_layer.traffic_of(topology), unit or single_layer.unit_of(topology)
    if satellites is not None:
        asked = case.with_satellites(topology, demand, unit, load(satellites, Constellation, ParameterError))
    elif layers == 2:
        asked = case.over_fibres(topology, demand, unit, paths, share, reliability, spare)
    else:
        asked = case.one_layer(topology, demand, unit, risks, share, read_groups(topology, groups) if groups else [],
                               reliability)
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
