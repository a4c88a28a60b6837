"""Rules and searches by name: from networks to choices (B, N)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial

from torch import Tensor

from aign.scenarios.offloading import rules, search
from aign.scenarios.offloading.physics import Network

METHODS: Mapping[str, Callable[[Network], Tensor]] = {
    "all_local": rules.all_local, "all_offload": rules.all_offload, "greedy": rules.greedy,
    "best_response": rules.best_response, "flow": rules.flow, "flip_and_move": search.flip_and_move,
    "local_search": search.local_search,
    **{f"local_search_{starts}": partial(search.local_search, starts=starts) for starts in (4, 16, 64)},
    "iterated_local_search": search.iterated_local_search}
