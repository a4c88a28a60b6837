"""The command `aign plan`: the cheapest survivable network for a traffic matrix, with proof; no model is needed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from aign.engines import messages
from aign.errors import ParameterError

if TYPE_CHECKING:
    from aign.scenarios.ip_optical_planning.solver.instance import Floats, Instance
    from aign.scenarios.ip_optical_planning.solver.search import Progress
    from aign.scenarios.ip_optical_planning.topology import Topology


def plan(
    network: Annotated[str, typer.Argument(help="A network of SNDlib, such as nobel-germany, or a file: .txt, .xml "
                                                "(SNDlib), .json (node-link), .graphml.")],
    traffic: Annotated[Path | None, typer.Option(help="CSV file with the traffic, where the network's file has none "
                                                      "or another one.")] = None,
    grow: Annotated[float, typer.Option(help="Factor on all traffic.", min=1e-6, max=1e6)] = 1.0,
    unit: Annotated[float | None, typer.Option(help="Capacity of a module, in the unit of the traffic.",
                                               min=1e-9)] = None,
    risks: Annotated[Literal["links", "nodes", "none"], typer.Option(help="What may fail, one at a time.")] = "links",
    share: Annotated[float, typer.Option(help="Share of each demand that must survive a failure.", min=0.0,
                                         max=1.0)] = 1.0,
    layers: Annotated[int, typer.Option(help="1: IP links are fibres; 2: lightpaths over fibres.", min=1,
                                        max=2)] = 1,
    paths: Annotated[int, typer.Option(help="Two layers: candidate paths per pair of nodes for lightpaths.",
                                       min=0)] = 1,
    installed: Annotated[Path | None, typer.Option(help="JSON file of `--save`: plan the changes to that network.",
                                                   )] = None,
    gap: Annotated[float, typer.Option(help="Relative gap at which the search may stop.", min=0.0, max=1.0)] = 0.0,
    rounds: Annotated[int, typer.Option(help="Most rounds of the search.", min=1)] = 60,
    save: Annotated[Path | None, typer.Option(help="Write the plan as JSON.")] = None,
) -> None:
    """Plan the cheapest network that survives every failure: cost, proven bound, gap, and each link's modules."""
    from aign.files.writing import write_json
    from aign.scenarios.ip_optical_planning import single_layer, two_layers
    from aign.scenarios.ip_optical_planning.solver.search import Limits

    if layers == 2 and (installed is not None or risks != "links"):
        raise ParameterError("--layers 2: fibre cuts are its risks, and it plans from nothing. Leave --installed and "
                             "--risks out.")
    topology = network_of(network, traffic)
    demand, unit = grow * single_layer.traffic_of(topology), unit or single_layer.unit_of(topology)
    if layers == 1:
        problem, exempt = single_layer.instance(topology, demand, unit, risks=risks, share=share)
        names = [topology.link_name(link) for link in range(topology.links)]
    else:
        lightpaths = two_layers.candidates(topology, paths)
        problem, exempt = two_layers.instance(topology, demand, 0.8 * unit, lightpaths, share=share), ()
        names = [*lightpaths.names(topology), *(f"fibre {topology.link_name(link)}" for link in range(topology.links))]
    current = _installed(installed, names) if installed is not None else None
    result = _solved(problem, current, Limits(gap, rounds), _report(network))
    _show(network, result, names, exempt)
    if save is not None:
        modules = {name: int(value) for name, value in zip(names, result["plan"], strict=True) if value}
        write_json(save, {"network": topology.name, "cost": result["cost"], "bound": result["bound"],
                          "exempt": list(exempt), "modules": modules, "steps": result["steps"]})
        messages.made(f"plan {network}", save)


def network_of(network: str, traffic: Path | None) -> Topology:
    """Return a network of SNDlib by its name, or that of a file; with the traffic of a second file where given.

    Raises:
        ParameterError: neither a name nor a file, or a file that cannot be read.
    """
    from aign.scenarios.ip_optical_planning import topology
    from aign.scenarios.ip_optical_planning.own_networks import read_network, with_traffic

    if network in topology.names():
        known = topology.load(network, largest=None)
        return known if traffic is None else with_traffic(known, traffic)
    if not Path(network).suffix:
        return topology.load(network)  # says which names there are
    return read_network(Path(network), traffic)


def _installed(path: Path, names: list[str]) -> Floats:
    import numpy as np

    from aign.files.writing import read_json

    stored = read_json(path, ParameterError)
    modules = stored.get("modules") if isinstance(stored, dict) else None
    if not isinstance(modules, dict) or not set(modules) <= set(names):
        raise ParameterError(f"{path}: not a plan of this network. Give a file that `aign plan --save` wrote for it.")
    return np.array([float(modules.get(name, 0)) for name in names])


def _solved(problem: Instance, current: Floats | None, limits: Any,
            report: Callable[[Progress], None]) -> dict[str, Any]:
    """Return the plan, its cost and bound, and the steps to it from the installed network."""
    from aign.scenarios.ip_optical_planning import changes
    from aign.scenarios.ip_optical_planning.solver.search import Search

    if current is None:
        answer = Search(problem, limits).run(report)
        if answer.plan is None:
            raise ParameterError("No survivable plan was found within the rounds. Allow more: --rounds.")
        return {"plan": answer.plan, "cost": answer.cost, "bound": answer.bound, "steps": []}
    change = changes.cheapest(problem, current, limits=limits, report=report)
    ordered = changes.steps(problem, current, change.plan)
    return {"plan": change.plan, "cost": change.cost, "bound": change.bound,
            "steps": [{"link": step.link, "modules": step.modules, "cost": step.cost, "carries": step.carries}
                      for step in ordered]}


def _report(network: str) -> Callable[[Progress], None]:
    def report(progress: Progress) -> None:
        """Say where the search stands."""
        messages.measured(f"plan {network}", round=progress.round, bound=progress.bound, cost=progress.cost,
                          gap=progress.gap)
    return report


def _show(network: str, result: dict[str, Any], names: list[str], exempt: tuple[str, ...]) -> None:
    from rich.table import Table

    cost, bound = result["cost"], result["bound"]
    proof = "proven optimum" if cost - bound <= 1e-9 * max(1.0, abs(cost)) else f"gap {(cost - bound) / cost:.2%}"
    title = f"{network}: cost {cost:.6g}, bound {bound:.6g} ({proof})"
    if exempt:
        title += f"\nexempt, because they leave demands without a path: {', '.join(exempt)}"
    table = Table("step" if result["steps"] else "link", "modules", title=title)
    if result["steps"]:
        table.add_column("cost")
        table.add_column("traffic carried after it")
        for step in result["steps"]:
            table.add_row(names[step["link"]], f"{step['modules']:+d}", f"{step['cost']:.6g}", f"{step['carries']:.1%}")
    else:
        for name, modules in zip(names, result["plan"], strict=True):
            if modules:
                table.add_row(name, f"{modules:g}")
    messages.console.print(table)
