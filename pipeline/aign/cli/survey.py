"""The command `aign survey`: which links a network needs in how many futures of its traffic."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from aign.cli.plan import network_of
from aign.engines import messages
from aign.errors import ParameterError

if TYPE_CHECKING:
    from aign.scenarios.ip_optical_planning.survey.results import Survey


def survey(
    network: Annotated[str, typer.Argument(help="A network of SNDlib, such as pioro40, or a file; as of `aign plan`.")],
    futures: Annotated[int, typer.Option(help="Matrices to draw and plan for.", min=0)] = 100,
    matrices: Annotated[Path | None, typer.Option(help="Plan for these instead: a folder of CSV files, or one with "
                                                       "columns future, source, target, demand.")] = None,
    common: Annotated[tuple[float, float], typer.Option(help="Lowest and highest factor on all traffic.")] = (0.8, 1.5),
    pair: Annotated[tuple[float, float], typer.Option(help="Lowest and highest factor on the traffic of each "
                                                           "pair.")] = (0.6, 1.4),
    unit: Annotated[float | None, typer.Option(help="Capacity of a module, in the unit of the traffic.",
                                               min=1e-9)] = None,
    train: Annotated[int, typer.Option(help="Solve so many matrices first and learn from them; a stopped training "
                                            "resumes.", min=0)] = 0,
    folder: Annotated[Path | None, typer.Option("--model", help="Folder of what was learned; models/survey-NETWORK by "
                                                             "default.")] = None,
    seed: Annotated[int, typer.Option(help="Seed of the matrices drawn.", min=0, max=2**31 - 1)] = 0,
    check: Annotated[bool, typer.Option(help="Route every failure of every plan; most of the time goes there.")] = True,
    save: Annotated[Path | None, typer.Option(help="Write PATH.csv (links), .parquet (plans), .json and .png "
                                                   "(map).")] = None,
) -> None:
    """Plan one network for many traffic matrices, each with a bound: a table and a map of the links they need."""
    from aign.engines.progress import Progress
    from aign.scenarios.ip_optical_planning import single_layer
    from aign.scenarios.ip_optical_planning.survey import model
    from aign.scenarios.ip_optical_planning.survey.futures import Spread, read
    from aign.scenarios.ip_optical_planning.survey.results import surveyed

    topology = network_of(network, None)
    problem, _ = single_layer.instance(topology, single_layer.traffic_of(topology),
                                       unit or single_layer.unit_of(topology))
    spread = Spread(common, pair)
    folder = folder or Path("models") / f"survey-{topology.name}"
    title = f"survey {topology.name}"
    if train:
        with Progress(title) as progress:
            model.train(folder, topology, problem, spread, seed, train, progress.counter("matrices solved"),
                        progress.counter("steps trained"))
        messages.made(title, folder)
    learned = model.load(folder, topology, problem)
    names, traffic = read(topology, matrices) if matrices is not None else (list(map(str, range(futures))), [])
    if not names:
        return
    with Progress(title) as progress:
        result = surveyed(learned, topology, names, lambda number: traffic[number] if traffic else
                          spread.drawn(topology, number, seed + 1), check,
                          progress.counter("futures planned"))
    if not result.planned.any():
        raise ParameterError("No plan was reached in any future. Is the traffic within reach of the links?")
    _show(result)
    for path in result.save(save) if save is not None else ():
        messages.made(title, path)


def _show(result: Survey) -> None:
    from rich.table import Table

    figures = result.summary()
    title = (f"{figures['topology']}: {figures['planned']} of {figures['futures']} futures planned, cost over bound "
             f"{figures['cost_over_bound_mean']:.2%}, 95 of 100 below {figures['cost_over_bound_q95']:.2%}")
    if not result.routed.all():
        title += "\nnot routed: each plan meets the inequalities known of the network"
    table = Table("link", "futures that need it", "mean modules", "enough in 95 of 100", "most", title=title)
    for row in sorted(result.links().to_pylist(), key=lambda link: (-link["needed"], -link["mean"])):
        table.add_row(f"{row['source']}-{row['target']}", f"{row['needed']:.0%}", f"{row['mean']:.2f}",
                      f"{row['q95']:g}", f"{row['most']:g}")
    messages.console.print(table)
