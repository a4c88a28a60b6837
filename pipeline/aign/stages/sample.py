"""Stage sample: the requests of params.yaml become tables of verified designs."""

from __future__ import annotations

import torch

from aign.designs.answer import answer
from aign.designs.requests import Request
from aign.diffusion import device, store
from aign.engines import messages
from aign.files.writing import building
from aign.params import Params
from aign.stages.folders import DESIGNS, MODELS


def sample(variant: str, params: Params) -> None:
    """Make data/designs/<variant>/: for each request a JSON file, a Parquet table and a picture.

    Raises:
        ModelError: the model is missing or damaged.
        AignError: a request that cannot be understood; see `Request`.
    """
    block, run = params.variant(variant), params.base
    settings = block.sample
    title = f"sample {variant}"
    torch.set_num_threads(run.threads)
    pipeline = store.load(MODELS / variant, block.scenario.spec).to(device.choose(run.device))
    block.check_same(pipeline.scenario, MODELS / variant)
    messages.read(title, MODELS / variant)
    requests = {request.name: Request.of(request).resolve(pipeline.scenario) for request in settings.requests}
    with building(DESIGNS / variant) as folder:
        for name, request in requests.items():
            designs = answer(pipeline, request, settings.sampling, run.seed)
            designs.save(folder / name)
            messages.measured(title, request=name, best_utility=designs.rows()[0]["utility"], certified=designs.optimum,
                              feasible=int(designs.candidates.feasible.sum()), of=request.count)
    messages.made(title, DESIGNS / variant)
