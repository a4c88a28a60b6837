"""The commands `aign dataset ...`: what people do with trajectory datasets. Heavy imports wait."""

from __future__ import annotations

import time
from pathlib import Path, PurePath
from typing import Annotated

import typer

from aign.cli.options import ScenarioParameters, TrustCode
from aign.engines import messages
from aign.engines.progress import counted
from aign.errors import ParameterError, unknown_name

app = typer.Typer(no_args_is_help=True, help="Look at trajectory datasets, verify, import, merge and export them.")

Dataset = Annotated[Path, typer.Argument(help="The folder of a dataset, such as data/trajectories/power-20.")]

Place = Annotated[str, typer.Argument(help="The folder of a dataset, or its address in storage, such as "
                                           "s3://bucket/power-20.")]


@app.command()
def info(
    path: Place,
    plots: Annotated[Path | None, typer.Option(help="Also draw a page of plots: a path that ends in .png.")] = None,
    trust_code: TrustCode = False,
) -> None:
    """Show what a dataset holds: columns and units, behaviours, returns, labels, quality, provenance."""
    from aign.trajectories.inspection import inspection
    from aign.trajectories.reader import TrajectoryStore

    if plots is not None and plots.suffix != ".png":
        raise ParameterError(f"--plots {plots}: give a path that ends in .png.")
    store = TrajectoryStore.open(path, trust_code=trust_code)
    messages.console.print(inspection(store))
    if store.mirror is not None:
        messages.say("info", f"fetched {messages.size(store.mirror.fetched)} of {messages.size(store.mirror.size)}")
    if plots is not None:
        from aign.trajectories.inspection_plots import save_page

        save_page(store, plots)
        messages.made("info", plots)


@app.command()
def verify(
    path: Place,
    replay: Annotated[bool, typer.Option("--replay", help="Also simulate every episode again and compare.")] = False,
    trust_code: TrustCode = False,
) -> None:
    """Check a dataset: files, columns, values, splits, figures, contexts; with --replay every single episode."""
    from aign.trajectories.verification import verify as checks

    title = f"verify {PurePath(path).name}"
    with counted(title, "replay") as report:
        began = time.monotonic()
        for check in checks(path, report if replay else None, trust_code):
            counts = ", ".join(f"{count:,} {what if count != 1 else what.removesuffix('s')}"
                               for what, count in check.counts.items())
            messages.say(f"ok  {check.name:8}", f"{counts}: {check.subject}")
            seconds, began = time.monotonic() - began, time.monotonic()
            if check.name == "replay":
                episodes = check.counts["episodes"]
                messages.say(title, f"100 % of {episodes:,} episodes replayed exactly in {seconds:.2f} s, "
                                   f"{episodes / seconds:,.0f} episodes/s")


@app.command()
def copy(
    source: Annotated[str, typer.Argument(help="The folder of a dataset, or its address in storage.")],
    to: Annotated[str, typer.Argument(help="Where to: s3://BUCKET/PATH, or a folder.")],
) -> None:
    """Send a dataset to S3-compatible storage as it is, or fetch it; what was cut off goes on."""
    from aign.exchange import storage
    from aign.exchange.destination import check_dataset
    from aign.files.remote import is_remote

    if is_remote(source) == is_remote(to):
        raise ParameterError(f"{source} to {to}: give a folder and an address such as s3://bucket/power-20.")
    if is_remote(to):
        with counted(f"copy {PurePath(source).name}", "bytes") as report:
            digest = storage.upload(Path(source), to, report)
    else:
        check_dataset(Path(to))
        digest = storage.download(source, Path(to))
    messages.say("copy", f"made {to}, digest {digest}")


@app.command("import")
def import_(
    path: Annotated[Path, typer.Argument(help="A published dataset, or with --mapping a log: .csv, .tsv, .txt "
                                             "(also with .gz) or .parquet.")],
    to: Annotated[Path, typer.Option(help="The dataset folder to make, such as data/trajectories/power-20.")],
    config: Annotated[str | None, typer.Option(help="Which configuration of a published dataset.")] = None,
    mapping: Annotated[Path | None, typer.Option(help="YAML file that maps the columns of a log to the "
                                                     "scenario's features.")] = None,
    scenario: Annotated[str | None, typer.Option(help="The scenario of a log, such as power-allocation.")] = None,
    set_: ScenarioParameters = None,
    trust_code: TrustCode = False,
) -> None:
    """Make a local dataset of a published one, bit for bit, or of an operator's log."""
    if mapping is None and (scenario is not None or set_):
        raise ParameterError("--scenario and --set are for logs: give --mapping too, or leave them out.")
    if mapping is None:
        _import_published(path, to, config, trust_code)
    elif trust_code:
        raise ParameterError("--trust-code is for published datasets: the scenario of a log is the one you name. Leave "
                             "it out.")
    elif config is not None or scenario is None:
        raise ParameterError("A log needs --mapping and --scenario, and has no --config. `aign scenarios` lists the "
                             "scenarios and their parameters.")
    else:
        _import_log(path, to, mapping, scenario, set_ or [])


def _import_published(path: Path, to: Path, config: str | None, trust_code: bool) -> None:
    from aign.exchange.published import import_published

    title = f"import {to.name}"
    with counted(title, "episodes") as report:
        made = import_published(path, to, config, report, trust_code)
    messages.made(title, to)
    same = "the digest of the published dataset" if made.identical else \
        "not the digest of the published dataset: the same numbers, laid out by another version of pyarrow"
    messages.say(title, f"{made.episodes} episodes; digest {made.digest} is {same}")


def _import_log(path: Path, to: Path, mapping: Path, scenario: str, parameters: list[str]) -> None:
    from aign.exchange.destination import check_dataset
    from aign.exchange.logs.importing import import_log
    from aign.scenarios.core import registry

    check_dataset(to)
    made = registry.create(scenario, **registry.assigned(scenario, parameters))
    with counted(f"import {to.name}", "episodes") as report:
        result = import_log(path, mapping, made, to, report)
    messages.console.print(result)
    messages.made(f"import {to.name}", to)


@app.command()
def export(
    path: Dataset,
    as_: Annotated[str, typer.Option("--as", help="minari: for `minari.load_dataset`; npz: one file in the key "
                                                  "convention of D4RL.")],
    to: Annotated[Path, typer.Option(help="minari: the folder of Minari datasets; npz: the file.")],
    split: Annotated[str | None, typer.Option(help="train, validation or test; all by default.")] = None,
    episodes: Annotated[int | None, typer.Option(help="At most this many episodes, the first ones.", min=1)] = None,
    author: Annotated[str | None, typer.Option(help="minari: who made the dataset.")] = None,
    email: Annotated[str | None, typer.Option(help="minari: where to reach the author.")] = None,
    code_permalink: Annotated[str | None, typer.Option(help="minari: address of the code that made it.")] = None,
    trust_code: TrustCode = False,
) -> None:
    """Write a dataset for other libraries: Minari, or plain npz for offline reinforcement learning."""
    from aign.exchange.d4rl_export import export_npz
    from aign.exchange.minari_export import Provenance, export_minari
    from aign.trajectories.reader import TrajectoryStore

    if as_ not in ("minari", "npz"):
        raise ParameterError(f"--as: {unknown_name('format', as_, ('minari', 'npz'))}")
    if as_ == "npz" and (author or email or code_permalink):
        raise ParameterError("--author, --email and --code-permalink are for --as minari; leave them out.")
    title = f"export {path.name}"
    store = TrajectoryStore.open(path, trust_code=trust_code)
    if as_ == "npz":
        with counted(title, "arrays") as report:
            steps = export_npz(store, to, split, episodes, report)
        messages.made(title, to)
        messages.say(title, f"{steps} steps; open it with numpy.load({str(to)!r})")
    else:
        with counted(title, "episodes") as report:
            made = export_minari(store, to, split, episodes, Provenance(author, email, code_permalink), report)
        messages.made(title, to / made.dataset_id)
        messages.say(title, f"the recovered environment reproduces {made.replayable} of {made.episodes} episodes; "
                           "`replayable` in an episode's metadata marks them")
        messages.say(title, f"open it with MINARI_DATASETS_PATH={to.resolve()} and "
                           f"minari.load_dataset({made.dataset_id!r})")


@app.command()
def merge(
    paths: Annotated[list[Path], typer.Argument(help="Two or more datasets of one scenario, in any order.")],
    to: Annotated[Path, typer.Option(help="The dataset folder to make.")],
    unique: Annotated[bool, typer.Option("--unique", help="Keep one of several equal episodes.")] = False,
    trust_code: TrustCode = False,
) -> None:
    """Make one dataset of several; every episode keeps its source, every context is in one split."""
    from aign.exchange.destination import check_dataset
    from aign.exchange.merge import merge as together

    check_dataset(to)
    title = f"merge {to.name}"
    with counted(title, "episodes") as report:
        result = together(paths, to, unique, report, trust_code)
    messages.console.print(result)
    messages.made(title, to)
