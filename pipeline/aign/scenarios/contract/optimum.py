"""The best menu in closed form, with ironing.

Cost grows with theta, so whoever accepts a contract leaves none of less complexity out: types 1..k are served. For
them individual rationality binds for type k and incentive compatibility between neighbours, so the rewards follow from
the speeds, and what is left is to maximise
  sum_q  -p_q e2 x_q^-z2 - f v_q x_q    over x_1 >= ... >= x_k >= 1,
    v_q = p_q theta_q + P_{q-1} (theta_q - theta_{q-1}),    P_{q-1} = p_1 + ... + p_{q-1},
with v_q the virtual cost (Myerson 1981; Bolton and Dewatripont, Contract Theory, 2.3). A block of pooled types has
x = (z2 e2 / f * sum p / sum v)^(1 / (z2 + 1)), so the blocks are those of the antitonic regression of p_q / v_q with
weights v_q, and bounds on x are met by clipping.

Axes: B networks, Q types.
"""

from __future__ import annotations

import torch
from torch import Tensor

from aign.scenarios.contract.menu import GRID, TOLERANCE, Market, gain, sign, slacks

ROUNDING = 1e-12
"""Largest error of a difference of payoffs in float64."""


def virtual_cost(market: Market) -> Tensor:
    """Return v_q (B, Q)."""
    below = market.share.cumsum(1) - market.share
    step = market.complexity.diff(dim=1, prepend=market.complexity[:, :1])
    return market.share * market.complexity + below * step


def antitonic(share: Tensor, weight: Tensor) -> Tensor:
    """Return the falling values (B, Q) nearest to share / weight (B, Q) in the mean square with these weights.

    Value q is the least over i <= q of the greatest over j >= q of (share_i + ... + share_j) / (weight_i + ... +
    weight_j) (Barlow et al., Statistical Inference under Order Restrictions).
    """
    size = share.shape[1]
    totals = [end[:, None] - (end - part)[:, :, None] for part, end in ((share, share.cumsum(1)),
                                                                        (weight, weight.cumsum(1)))]
    order = torch.ones(size, size, dtype=torch.bool, device=share.device).triu()
    ratio = torch.where(order, totals[0] / totals[1].clamp_min(1e-12), 0.0)
    highest = ratio.flip(2).cummax(2).values.flip(2)
    return torch.where(order, highest, torch.inf).amin(1)


def log_rent(market: Market) -> Tensor:
    """Return ln(v_q / (p_q theta_q)) (B, Q): by how much rents raise the complexity of a type in the client's eyes; 0
    for the first type.
    """
    return (virtual_cost(market) / (market.share * market.complexity)).log().clamp_min(0.0)


def best_speeds(market: Market, served: int) -> Tensor:
    """Return the speeds (B, Q) of the best menu that serves types 1..served; the others repeat the last."""
    terms = market.terms
    pooled = antitonic(market.share[:, :served], virtual_cost(market)[:, :served])
    speed = (terms.z2 * terms.e2 / terms.f * pooled) ** (1 / (terms.z2 + 1))
    speed = speed.clamp(1.0, terms.x_max)
    return torch.cat([speed, speed[:, -1:].expand(-1, terms.types - served)], 1)


def best_rewards(market: Market, speed: Tensor, served: int) -> Tensor:
    """Return the least rewards (B, Q) at which types 1..served sign their own contracts of falling speed (B, Q)."""
    rewards = [market.cost[:, served - 1] * speed[:, served - 1]]
    for q in range(served - 2, -1, -1):
        rewards.append(rewards[-1] + market.cost[:, q] * (speed[:, q] - speed[:, q + 1]))
    return torch.stack([*reversed(rewards), *rewards[:1] * (market.terms.types - served)], 1)


def best_menu(market: Market) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Return the gain (B,) of the best menu, how many types (B,) it serves, and its speeds and rewards (B, Q), where
    rewards know no upper bound. Where it is best to serve nobody, the menu is one that nobody signs.
    """
    types, speed, reward = market.terms.types, torch.ones_like(market.share), torch.zeros_like(market.share)
    best, count = nobody(market), torch.zeros_like(market.longest, dtype=torch.int64)
    for served in range(1, types + 1):
        x = best_speeds(market, served)
        r = best_rewards(market, x, served)
        value = gain(market, sign(market, x, r))
        better = (value >= best) if market.terms.reward == "self-selection" else count >= 0
        best, count = torch.where(better, value, best), torch.where(better, served, count)
        speed, reward = torch.where(better[:, None], x, speed), torch.where(better[:, None], r, reward)
    return best, count, speed, reward


def nobody(market: Market) -> Tensor:
    """Return the gain (B,) of a menu that nobody signs."""
    return (market.share * (market.blind - market.lost)).sum(1)


def indifference(market: Market) -> Tensor:
    """Return (B,) the most that can be gained by rounding choices within `TOLERANCE` in the client's favour.

    Relaxing every constraint by t lowers the reward of type q by at most t for each constraint on the chain from q down
    to the last type, individual rationality counted twice (a type may sign for -2t).
    """
    types = market.terms.types
    chain = torch.arange(types + 1, 1, -1, device=market.share.device)
    return TOLERANCE * (market.share * chain).sum(1)


def aligned(market: Market, served: Tensor, speed: Tensor, reward: Tensor, rational: float = 0.0,
            compatible: float = 0.0) -> tuple[Tensor, Tensor]:
    """Return the menu on the grid of `GRID`, valid exactly: types 1..served (B,) sign their own contracts, with slacks
    of at least `rational` and `compatible`; the others repeat the last of these.

    Speeds (falling) are rounded; rewards, from the last type to the first, are brought into the interval their
    neighbour leaves them. Two contracts so alike that the interval holds no multiple become one.
    """
    x, r = (speed / GRID).round() * GRID, torch.zeros_like(reward)
    cost = market.cost
    for q in range(market.terms.types - 1, -1, -1):
        least = up(cost[:, q] * x[:, q] + rational)
        first, last_reward = served - 1 == q, torch.maximum(down(reward[:, q]), least)
        if q == market.terms.types - 1:
            r[:, q] = torch.where(first, last_reward, 0.0)
            continue
        step = x[:, q] - x[:, q + 1]
        low = up(r[:, q + 1] + cost[:, q] * step + compatible)
        high = down(r[:, q + 1] + cost[:, q + 1] * step - compatible)
        fits = (step > 0) & (low <= high)
        inner = torch.where(fits, torch.maximum(low, torch.minimum(down(reward[:, q]), high)), r[:, q + 1])
        x[:, q] = torch.where(first | fits | (q >= served), x[:, q], x[:, q + 1])
        r[:, q] = torch.where(first, last_reward, torch.where(q < served, inner, 0.0))
    place = torch.minimum(torch.arange(market.terms.types, device=x.device), (served - 1).clamp_min(0)[:, None])
    return x.gather(1, place), r.gather(1, place)


def valid(market: Market, speed: Tensor, reward: Tensor) -> tuple[Tensor, Tensor]:
    """Return a menu near the given one, (B, Q) each on the grid, that is individually rational and incentive
    compatible: the same where it is; else speeds are made decreasing, then each reward is brought into the interval its
    neighbours leave it.

    Speeds too high to be paid for within the largest reward shrink towards 1, along with their rewards.
    """
    types = market.terms.types
    everybody = torch.full_like(market.longest, types, dtype=torch.int64)
    x = antitonic(speed, torch.ones_like(speed))
    dearest, cheapest = best_rewards(market, x, types)[:, 0], market.cost[:, -1]
    spare = 2 * types * GRID * (1 + cheapest)  # what rounding may add
    room = market.terms.reward_max - cheapest - 2 * spare
    shrink = (room / (dearest - cheapest).clamp_min(1e-12)).clamp(0.0, 1.0)
    shrink = shrink.where(dearest > market.terms.reward_max - spare, 1.0)
    x = 1 + (x - 1) * shrink[:, None]
    least, near = (aligned(market, everybody, x, target) for target in (torch.zeros_like(x), reward))
    fits = (near[1] <= market.terms.reward_max).all(1, keepdim=True)
    rational, compatible = slacks(sign(market, speed, reward).payoffs)
    stays = ((rational >= 0).all(1) & (compatible >= -ROUNDING).flatten(1).all(1))[:, None]
    x, r = (torch.where(fits, wanted, lowest) for wanted, lowest in zip(near, least, strict=True))
    return torch.where(stays, speed, x), torch.where(stays, reward, r)


def up(values: Tensor) -> Tensor:
    """Return the next multiples of `GRID` above."""
    return (values / GRID).ceil() * GRID


def down(values: Tensor) -> Tensor:
    """Return the next multiples of `GRID` below."""
    return (values / GRID).floor() * GRID
