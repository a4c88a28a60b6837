"""Designs that demonstrators aim at, and how nodes come to them: some nodes decide at each step, in random order.

To scale or to tilt choices would mean nothing, so here parts of them are drawn anew, emptied or lowered.

Axes: B networks, N edge nodes, C classes of titles.
"""

from __future__ import annotations

import torch
from torch import Tensor

from aign.scenarios.core.exploration import log_uniform, uniform
from aign.scenarios.video_delivery.catalogue import TOP
from aign.scenarios.video_delivery.delivery import Choice

SHARES = {"exact": 0.4, "redrawn": 0.2, "emptied": 0.15, "lowered": 0.25}
"""How designs are divided. Exact: the one taken. Redrawn: some decisions drawn anew. Emptied: some caches left empty.
Lowered: some streams at lower bitrates, or not served at all."""
REDRAWN = (0.02, 0.5)
"""Share of the decisions drawn anew, log-uniform."""
FEWER = (0.0, 1.0)
"""Share of the caches emptied, or of the streams lowered, uniform."""


def varied(choice: Choice, paths: int, generator: torch.Generator) -> Choice:
    """Return choices (B, N, C) made of others; storage and links may be asked for more than they hold."""
    count, shape = len(choice.cached), choice.cached.shape
    kinds = torch.multinomial(torch.tensor(list(SHARES.values())), count, True, generator=generator)
    kind = {name: (kinds == index)[:, None, None] for index, name in enumerate(SHARES)}

    def some(bounds: Tensor) -> Tensor:
        return torch.rand(shape, generator=generator) < bounds[:, :, None]

    def redraw(values: Tensor, choices: int) -> Tensor:
        anew = kind["redrawn"] & some(log_uniform(REDRAWN, count, generator))
        return torch.where(anew, torch.randint(0, choices, shape, generator=generator), values)

    cached, path, level = redraw(choice.cached, 2), redraw(choice.path, paths), redraw(choice.level, TOP + 1)
    emptied = kind["emptied"] & some(uniform(FEWER, count, generator))
    less = kind["lowered"] & some(uniform(FEWER, count, generator))
    lower = level.minimum(torch.randint(0, TOP + 1, (count, 1, 1), generator=generator))
    return Choice(cached * ~emptied, path, torch.where(less, lower, level))
