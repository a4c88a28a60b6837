"""Stage sample: the requests of params.yaml become tables of verified designs."""

from __future__ import annotations

from typing import Any

import torch

from aign.designs.answer import answer
from aign.designs.requests import Request, make_request
from aign.designs.settings import RequestSettings
from aign.diffusion import device, store
from aign.engines import messages
from aign.files.writing import building
from aign.params import Params
from aign.scenarios.core.scenario import Scenario
from aign.stages.folders import DESIGNS, MODELS


def sample(variant: str, params: Params) -> None:
    """Make data/designs/<variant>/: for each request a JSON file, a Parquet table and a picture.

    Raises:
        ModelError: the model is missing or damaged.
        AignError: a request that cannot be understood; see `make_request`.
    """
    block, run = params.variant(variant), params.base
    settings = block.sample
    title = f"sample {variant}"
    torch.set_num_threads(run.threads)
    pipeline = store.load(MODELS / variant, block.scenario.spec).to(device.choose(run.device))
    block.check_same(pipeline.scenario, MODELS / variant)
    messages.read(title, MODELS / variant)
    requests = {one.name: requested(pipeline.scenario, one) for one in settings.requests}
    with building(DESIGNS / variant) as folder:
        for name, request in requests.items():
            found = answer(pipeline, request, settings.sampling, run.seed)
            found.save(folder / name)
            best = found.rows()[0]
            messages.measured(title, request=name, best_utility=best["utility"], certified=found.optimum,
                             feasible=int(found.candidates.feasible.sum()), of=request.count)
    messages.made(title, DESIGNS / variant)


def requested(scenario: Scenario[Any], one: RequestSettings) -> Request:
    """Build a request of params.yaml."""
    return make_request(scenario, one.where, one.count, one.preset, one.context, one.seed)
