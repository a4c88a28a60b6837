"""The commands that run a stage of a variant: what DVC calls, through `python pipeline`."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from aign.cli.options import DEFAULT, ParamsFile, Variant

if TYPE_CHECKING:
    from aign.params import Params


def collect(variant: Variant, params: ParamsFile = DEFAULT) -> None:
    """Let agents explore the network and store their episodes as a trajectory dataset."""
    from aign import variant_check
    from aign.engines import messages
    from aign.stages.collect import collect as stage

    checked = checked_params(params, variant)
    for problem in variant_check.never_learning(checked.variant(variant)):
        messages.warn(f"warning: {params}: {problem}")
    stage(variant, checked)


def train(variant: Variant, params: ParamsFile = DEFAULT) -> None:
    """Train the Decision Diffuser on the trajectory dataset."""
    from aign.stages.train import train as stage

    stage(variant, checked_params(params, variant))


def sample(variant: Variant, params: ParamsFile = DEFAULT) -> None:
    """Answer the requests of params.yaml with verified designs."""
    from aign.stages.sample import sample as stage

    stage(variant, checked_params(params, variant))


def evaluate(variant: Variant, params: ParamsFile = DEFAULT) -> None:
    """Compare the diffuser with agents, heuristics and the certified optimum on unseen contexts."""
    from aign.stages.evaluate import evaluate as stage

    stage(variant, checked_params(params, variant))


def checked_params(path: Path, variant: str | None = None) -> Params:
    """Return the parameters for a stage (of a variant) or a study, after checking that it may run here."""
    from aign import checkout, params
    from aign.engines.scratch import die_with_parent

    under_dvc = "DVC_STAGE" in os.environ
    if under_dvc:  # a killed dvc must not leave a stage behind; a user's shell may go
        die_with_parent()
    checkout.check()
    loaded = params.load(path)
    if under_dvc and variant is not None and checkout.here():
        loaded.check_tracked(variant)
    from aign import variant_check  # loads torch, for which a mistyped file need not wait

    variant_check.check(loaded, path, variant)
    return loaded
