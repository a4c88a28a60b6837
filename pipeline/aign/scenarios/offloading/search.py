"""Local search on who offloads where: flips, moves, swaps and ejections; from one start, from several, iterated.

All networks and starts are searched side by side, each taking its best change in each round. A flip takes a user to a
server or back, a move to another server; where neither helps, one user takes another's place, who then goes where it
costs least: to the place left (a swap) or elsewhere (an ejection).

Axes: R searches, B networks, N users, M servers.
"""

from __future__ import annotations

import torch
from torch import Tensor

from aign.scenarios.offloading.changes import exchanges, moves
from aign.scenarios.offloading.physics import Network
from aign.scenarios.offloading.rules import greedy

LEAST_GAIN = 1e-11
"""Gain in cost, relative to the cost of computing everything locally, below which a change is rounding."""
SEED = 0
KICKED = 0.35
"""Share of the users drawn anew in each round of the iterated search. Of 0.2, 0.35, 0.5, 0.65 and 0.8 the best at equal
time on drawn networks of dense access and energy by cycles with 20 servers and 68 users; with 10 and 36 as good as 0.5.
"""
EXCHANGE_VALUES = 1 << 22
"""Pairs of users looked at at once: bounds memory."""


def descend(network: Network, server: Tensor, exchange: bool = True) -> Tensor:
    """Return choices (R, N), from given ones, that no single change makes cheaper.

    Args:
        network: R networks.
        server: (R, N).
        exchange: whether two users may change at once; only where costs have a closed form.
    """
    chosen = server.clone()
    least = LEAST_GAIN * network.local_cost.sum(1)
    open_rows = torch.arange(len(chosen), device=chosen.device)
    paired = exchange and network.in_closed_form
    while len(open_rows):
        part, now = network.take(open_rows), chosen[open_rows]
        gain, place = moves(part, now).flatten(1).min(1)
        better = gain < -least[open_rows]
        columns = part.upload.shape[2]
        user, target = place // columns, place % columns
        now[better] = now[better].scatter(1, user[better, None], target[better, None])
        stuck = (~better).nonzero()[:, 0]
        if paired and len(stuck):
            better[stuck] = _exchange(part.take(stuck), now, stuck, least[open_rows[stuck]])
        chosen[open_rows] = now
        open_rows = open_rows[better]
    return chosen


def _exchange(network: Network, server: Tensor, rows: Tensor, least: Tensor) -> Tensor:
    """Make the best exchange in some rows (Q,) of choices (R, N), in place; return where it helped, (Q,)."""
    users = server.shape[1]
    helped = []
    for part in torch.arange(len(rows), device=rows.device).split(max(1, EXCHANGE_VALUES // users**2)):
        now = server[rows[part]]
        change, target = exchanges(network.take(part), now)
        gain, place = change.flatten(1).min(1)
        better = (gain < -least[part]).nonzero()[:, 0]
        taker, leaver = place[better, None] // users, place[better, None] % users
        left = now[better].gather(1, leaver)
        to = target.flatten(1)[better].gather(1, place[better, None])
        server[rows[part][better]] = now[better].scatter(1, taker, left).scatter(1, leaver, to)
        helped.append(gain < -least[part])
    return torch.cat(helped)


def flip_and_move(network: Network) -> Tensor:
    """Return choices (B, N): greedy ones that no flip and no move makes cheaper."""
    return descend(network, greedy(network), exchange=False)


def local_search(network: Network, starts: int = 1, chances: Tensor | None = None) -> Tensor:
    """Return the best choices (B, N) of searches with swaps and ejections; see `searched`."""
    count = len(network)
    reached = searched(network, starts, chances)
    repeated = network.take(torch.arange(count, device=reached.device).repeat(starts))
    best = repeated.cost(reached.flatten(0, 1)).reshape(starts, count).argmin(0)
    return reached[best, torch.arange(count, device=best.device)]


def searched(network: Network, starts: int, chances: Tensor | None = None) -> Tensor:
    """Return the choices (starts, B, N) that each search ends with: from the greedy choices, then from random ones;
    with `chances` (B, N, M + 1) from the likeliest ones, then from such as they draw.
    """
    generator = torch.Generator().manual_seed(SEED)
    start = greedy(network) if chances is None else chances.argmax(2)
    first = torch.cat([start, *(drawn(network, chances, generator) for _ in range(starts - 1))])
    repeated = network.take(torch.arange(len(network), device=first.device).repeat(starts))
    return descend(repeated, first).reshape(starts, len(network), -1)


def iterated_local_search(network: Network, rounds: int = 20, chances: Tensor | None = None,
                          kicked: float = KICKED) -> Tensor:
    """Return the best choices (B, N) of a search that, each time it ends, draws some users' choices anew and goes on
    from there, unless that ended worse.

    Args:
        network: B networks.
        rounds: how often choices are drawn anew.
        chances: (B, N, M + 1) with which users choose, as a generator proposes them: the search begins with the
            likeliest choices and draws by these. Where None it begins with the greedy choices; see `random_choices`.
        kicked: share of the users whose choices are drawn anew.
    """
    generator = torch.Generator().manual_seed(SEED)
    best = descend(network, greedy(network) if chances is None else chances.argmax(2))
    cost = network.cost(best)
    for _ in range(rounds):
        redrawn = (torch.rand(best.shape, generator=generator) < kicked).to(best.device)
        reached = descend(network, torch.where(redrawn, drawn(network, chances, generator), best))
        new = network.cost(reached)
        better = new <= cost
        best, cost = torch.where(better[:, None], reached, best), torch.where(better, new, cost)
    return best


def drawn(network: Network, chances: Tensor | None, generator: torch.Generator) -> Tensor:
    """Return choices (B, N) drawn with chances (B, N, M + 1), which need not add up to 1; random ones where None."""
    if chances is None:
        return random_choices(network, generator)
    waiting = -torch.rand(chances.shape, generator=generator).clamp_min(1e-30).log().to(chances.device)
    return (waiting / chances).argmin(2)  # the first of exponential clocks, which has these chances


def random_choices(network: Network, generator: torch.Generator) -> Tensor:
    """Return choices (B, N), each equally likely among those that would save something if nobody else offloaded."""
    alone = network.upload_cost + network.root.square()[:, :, None]
    alone[:, :, 0] = 0.0
    sensible = alone < network.local_cost[:, :, None]
    draws = torch.rand(alone.shape, generator=generator).to(alone.device)
    return draws.where(sensible, -1.0).argmax(2)
