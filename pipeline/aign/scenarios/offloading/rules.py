"""Offloading by rule: everybody, nobody, greedily, selfishly, and the heuristic of the published peer.

Axes: B networks, N users, M servers, G guesses.
"""

from __future__ import annotations

import torch
from torch import Tensor

from aign.scenarios.offloading.changes import moves
from aign.scenarios.offloading.physics import Network
from aign.scenarios.offloading.semantics import SERVER_SPEED

SWEEPS = 50
"""Rounds of selfish answers, at most: they may never come to rest."""
GUESSES = 60
"""Guesses of the shares beside the first."""
LEAST_GUESS = 1e-5
SEED = 0


def all_local(network: Network) -> Tensor:
    """Return that nobody offloads, (B, N)."""
    return torch.zeros_like(network.cycles, dtype=torch.long)


def all_offload(network: Network) -> Tensor:
    """Return that everybody who reaches a server offloads to the one of the strongest link."""
    return network.power.argmax(2)


def greedy(network: Network) -> Tensor:
    """Return choices (B, N) made one by one: who saves most goes where it does, until nobody saves anything."""
    server = all_local(network)
    open_rows = torch.arange(len(server), device=server.device)
    while len(open_rows):
        part, now = network.take(open_rows), server[open_rows]
        change = moves(part, now).masked_fill((now > 0)[:, :, None], torch.inf)
        gain, place = change.flatten(1).min(1)
        better = gain < 0
        columns = part.upload.shape[2]
        user, target = (place // columns)[better, None], (place % columns)[better, None]
        open_rows = open_rows[better]
        server[open_rows] = now[better].scatter(1, user, target)
    return server


def best_response(network: Network) -> Tensor:
    """Return choices (B, N) of selfish users: each in turn goes where its own cost is least as the others now are,
    until nobody wants to go.
    """
    server = all_local(network)
    for _ in range(SWEEPS):
        before = server.clone()
        for user in range(server.shape[1]):
            server[:, user] = _selfish(network, server, user)
        if torch.equal(server, before):
            break
    return server


def _selfish(network: Network, server: Tensor, user: int) -> Tensor:
    """Return where (B,) a user's own cost is least."""
    options = network.upload.shape[2]
    if network.in_closed_form:
        root = network.root[:, user, None]
        beside = network.sums(server, network.root)
        beside = (beside - torch.zeros_like(beside).scatter(1, server[:, user, None], root)).clamp_min(0.0)
        cost = root * (beside + root) + network.upload_cost[:, user]
        cost[:, 0] = network.local_cost[:, user]
    else:
        rows = torch.arange(len(server), device=server.device).repeat_interleave(options)
        tried = server[rows]
        tried[:, user] = torch.arange(options, device=server.device).repeat(len(server))
        cost = network.take(rows).serve(tried).cost[:, user].reshape(-1, options)
    return cost.masked_fill(network.upload[:, user].isinf(), torch.inf).argmin(1)


def flow(network: Network) -> Tensor:
    """Return the choices (B, N) of the peer's heuristic, whose servers then share as here, by `Network.serve`."""
    return guessed_flow(network)[0]


def guessed_flow(network: Network, guesses: int = GUESSES) -> tuple[Tensor, Tensor]:
    """Return choices (B, N) of the heuristic by which Liang et al. label their data, and their cost (B,) as it shares.

    Every link is given a guess of its share: the least one that meets the deadline where the user can be on time at
    all, else the one at which offloading costs as much as computing locally; what is left of a server is spread over
    its links. A minimum-cost flow from users to servers then chooses, with links that cost s/r and w/guess; as servers
    have no capacity in it, each user simply takes its cheapest option. A server then shares in proportion to the
    guesses. The best of the first guesses and of some in which one link of each server takes from the others at random.
    """
    sending = network.upload_cost[:, :, 1:]
    linked, work = sending.isfinite(), network.root.square()[:, :, None]
    first = _first_guess(network, linked, work)
    generator = torch.Generator().manual_seed(SEED)
    best = all_local(network)
    least = torch.full_like(network.cycles[:, 0], torch.inf)
    for number in range(guesses + 1):
        guess = (first if number == 0 else _shifted(first, linked, generator)).clamp_min(LEAST_GUESS)
        offloaded = (sending + work / guess).where(linked, torch.inf)
        server = torch.cat([network.local_cost[:, :, None], offloaded], 2).argmin(2)
        cost = _cost_by_guess(network, server, guess)
        better = cost < least
        best, least = torch.where(better[:, None], server, best), torch.where(better, cost, least)
    return best, least


def _first_guess(network: Network, linked: Tensor, work: Tensor) -> Tensor:
    """Return the first guess of the share of every link, (B, N, M)."""
    deadline, cycles = network.semantics.deadline, network.cycles[:, :, None]
    upload, sending = network.upload[:, :, 1:], network.upload_cost[:, :, 1:]
    local = network.local_cost[:, :, None]
    in_time = upload + cycles / SERVER_SPEED < deadline
    least = (cycles / ((deadline - upload).clamp_min(1e-300) * SERVER_SPEED)).where(in_time, 0.0)
    even = (work / (local - sending).clamp_min(1e-300)).where(sending + work < local, 0.0)
    guess = torch.where(in_time | (network.local_delay < deadline)[:, :, None], least, even).clamp_min(LEAST_GUESS)
    guess = guess.where(linked, 0.0)
    spare = (1.0 - guess.sum(1, keepdim=True)).clamp_min(0.0) / linked.sum(1, keepdim=True).clamp_min(1)
    return (guess + spare).where(linked, 0.0)


def _shifted(guess: Tensor, linked: Tensor, generator: torch.Generator) -> Tensor:
    """Return guesses in which one link of each server, drawn at random, takes from the others or gives to them."""
    draws = torch.rand(guess.shape, generator=generator).to(guess.device)
    place = draws.where(linked, -1.0).argmax(1, keepdim=True)
    changed = guess.gather(1, place)
    others = guess.sum(1, keepdim=True) - changed
    part = torch.rand(changed.shape, generator=generator, dtype=guess.dtype).to(guess.device)
    shift = (0.05 - changed) + part * (others - 0.05 + changed)
    shift = shift.where(others > 0, 0.0)
    scaled = guess * (1.0 - shift / others.clamp_min(1e-300))
    return scaled.scatter(1, place, changed + shift)


def _cost_by_guess(network: Network, server: Tensor, guess: Tensor) -> Tensor:
    """Return the cost (B,) of choices (B, N) where servers share in proportion to the guesses (B, N, M)."""
    held = torch.nn.functional.pad(guess, (1, 0), value=1.0).gather(2, server[:, :, None])[:, :, 0]
    share = held / network.sums(server, held).gather(1, server)
    sending = network.upload_cost.gather(2, server[:, :, None])[:, :, 0]
    return (sending + network.root.square() / share).where(server > 0, network.local_cost).sum(1)
