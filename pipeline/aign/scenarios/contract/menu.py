"""What a menu of contracts does: who signs which contract, and what the client gains.

A contract asks for latency L at most and pays reward R. With the longest latency L_max, x = L_max / L >= 1 is the speed
asked for. A provider of type q, model complexity theta_q, has the payoff R - f theta_q x. Of one that signs, the client
has e1 theta_q^z1 - e2 x^-z2 - R (Liu et al. 2023, section IV-C). The paper shows the providers' utility only in a
picture; this cost is a proposal: f, theta and the latency enter as the text says, and with the published constants cost
and gain are of one size.

Axes: B networks, Q types by rising theta, K contracts of the menu (K = Q: one is meant for each type).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Annotated, Literal, Self

import torch
from pydantic import Field, field_validator, model_validator
from torch import Tensor

from aign.scenarios.core import ScenarioParameters

LEAST_COMPLEXITY, MOST_COMPLEXITY = 10.0, 100.0
"""Range of theta (section IV-E)."""
GRID = 2.0**-16
"""Speeds and rewards are whole multiples of this: exact in float32, so that storing a menu changes nobody's choice."""
TOLERANCE = 1e-6
"""Providers count payoffs as equal that differ by less, and then sign the contract meant for them: the best menus make
them indifferent, and no rounding may decide what they do."""


class ContractParameters(ScenarioParameters):
    """Parameters of a contract variant; the paper's values (section IV-E) are the defaults where it gives any."""

    types: Annotated[int, Field(ge=2, le=20)] = 2
    """Q, number of provider types."""
    asps: Annotated[int, Field(ge=1, le=10_000)] = 50
    """n, number of providers. It scales the total payment only: utility is per provider, so that it is of order 1 and
    compares between numbers of providers."""
    f: Annotated[float, Field(ge=1e-3, le=1)] = 0.05
    """Cost of one unit of speed per unit of complexity."""
    e1: Annotated[float, Field(ge=0, le=1e4)] = 30.0
    e2: Annotated[float, Field(ge=0.1, le=100)] = 5.0
    z1: Annotated[float, Field(ge=0, le=2)] = 1.0
    z2: Annotated[float, Field(ge=0.25, le=4)] = 1.0
    reward: Literal["self-selection", "penalty"] = "self-selection"
    """self-selection: every type signs what suits it best, or nothing, so any menu has a meaning. penalty: a menu that
    is not individually rational and incentive compatible earns minus the sum of its violations, in the manner of the
    paper (whose weights are not published; here 1)."""
    x_max: Annotated[float, Field(gt=1, le=50)] = 4.0
    """Largest speed. With the published constants no optimum exceeds 3.2."""
    reward_max: Annotated[float, Field(gt=0, le=200)] = 10.0
    """Largest reward. With the published constants no optimum exceeds 8.4."""

    @field_validator("x_max", "reward_max")
    @classmethod
    def on_the_grid(cls, bound: float) -> float:
        """Return the bound rounded down to the grid of menus."""
        return math.floor(bound / GRID) * GRID

    @model_validator(mode="after")
    def everybody_can_be_served(self) -> Self:
        """Refuse a largest reward below the cost of the most complex provider."""
        if self.reward_max < self.f * MOST_COMPLEXITY:
            raise ValueError(f"reward_max should be at least f * {MOST_COMPLEXITY:g} = {self.f * MOST_COMPLEXITY:g}, "
                             "the least that a provider of the greatest complexity accepts")
        return self


@dataclass(frozen=True, eq=False)
class Market:
    """A context with the constants: all that menus are judged by.

    Attributes:
        share: (B, Q) probability p_q of a type.
        complexity: (B, Q) theta_q, rising.
        longest: (B,) L_max [s].
        terms: the scenario's parameters.
    """

    share: Tensor
    complexity: Tensor
    longest: Tensor
    terms: ContractParameters

    @classmethod
    def read(cls, contexts: Tensor, terms: ContractParameters) -> Market:
        """Read contexts (B, 2Q + 1), in float64."""
        share, complexity, longest = contexts.double().split([terms.types, terms.types, 1], dim=1)
        return cls(share.contiguous(), complexity.contiguous(), longest[:, 0], terms)

    def row(self, row: int) -> Market:
        """Return the market of one network (B = 1), on the CPU."""
        here = slice(row, row + 1)
        return Market(self.share[here].cpu(), self.complexity[here].cpu(), self.longest[here].cpu(), self.terms)

    @property
    def cost(self) -> Tensor:
        """(B, Q) cost of one unit of speed, f theta_q."""
        return self.terms.f * self.complexity

    @property
    def lost(self) -> Tensor:
        """(B, Q) what a provider of a type brings at the longest latency and is lost when it signs nothing."""
        return self.terms.e1 * self.complexity**self.terms.z1

    @property
    def blind(self) -> float:
        """What service at x = 1 for a reward that every conceivable type accepts costs the client per provider."""
        return self.terms.e2 + self.terms.f * MOST_COMPLEXITY


@dataclass(frozen=True, eq=False)
class MenuChoice:
    """What the types do with a menu.

    Attributes:
        speed, reward: (B, Q) of the contract each type finds best.
        accepted: (B, Q) whether it signs it.
        payoffs: (B, Q, K) of each type from each contract.
    """

    speed: Tensor
    reward: Tensor
    accepted: Tensor
    payoffs: Tensor


def sign(market: Market, speed: Tensor, reward: Tensor) -> MenuChoice:
    """Let every type choose from the menu, speed and reward (B, K): the contract meant for it where none is better by
    more than `TOLERANCE`, else the first of the best; it signs where its best payoff is at least -`TOLERANCE`.
    """
    payoffs = reward[:, None] - market.cost[:, :, None] * speed[:, None]
    best, number = payoffs.amax(2), torch.arange(speed.shape[1], device=speed.device)
    first_best = torch.where(payoffs >= best[:, :, None], number, len(number)).amin(2)
    chosen = torch.where(payoffs.diagonal(dim1=1, dim2=2) >= best - TOLERANCE, number, first_best)
    return MenuChoice(speed.gather(1, chosen), reward.gather(1, chosen), best >= -TOLERANCE, payoffs)


def slacks(payoffs: Tensor) -> tuple[Tensor, Tensor]:
    """Return individual rationality (B, Q) and incentive compatibility (B, Q, K) of payoffs (B, Q, K): what a type has
    from its own contract, and how much more than from each contract (0 from itself).
    """
    rational = payoffs.diagonal(dim1=1, dim2=2)
    return rational, rational[:, :, None] - payoffs


def gain(market: Market, choice: MenuChoice) -> Tensor:
    """Return the client's gain (B,) per provider over the blind contract (x = 1, reward f * 100).

    The difference cancels the revenue e1 theta^z1, which no menu changes as long as everybody signs and which is
    hundreds of times what the menu decides.
    """
    price = market.terms.e2 * choice.speed**-market.terms.z2 + choice.reward
    return (market.share * (market.blind - torch.where(choice.accepted, price, market.lost))).sum(1)


def penalised_gain(market: Market, speed: Tensor, reward: Tensor) -> Tensor:
    """Return the gain (B,) where every type takes its own contract, or minus the violations where a type would not."""
    choice = sign(market, speed, reward)
    rational, compatible = slacks(choice.payoffs)
    valid = (rational >= -TOLERANCE).all(1) & (compatible >= -TOLERANCE).flatten(1).all(1)
    broken = rational.clamp_max(0).sum(1) + compatible.clamp_max(0).flatten(1).sum(1)
    return torch.where(valid, gain(market, choice), broken)


def utility(market: Market, speed: Tensor, reward: Tensor) -> Tensor:
    """Return the utility (B,) of menus (B, Q) under the market's terms: `gain` or `penalised_gain`."""
    if market.terms.reward == "penalty":
        return penalised_gain(market, speed, reward)
    return gain(market, sign(market, speed, reward))


def split(designs: Tensor, terms: ContractParameters) -> tuple[Tensor, Tensor]:
    """Return speeds and rewards (B, Q) of designs (B, X), float64."""
    speed, reward = designs.double().split(terms.types, 1)
    return speed.contiguous(), reward.contiguous()


def bounds(terms: ContractParameters, device: torch.device) -> tuple[Tensor, Tensor]:
    """Return the least and the largest design (X,)."""
    low = torch.tensor([1.0] * terms.types + [0.0] * terms.types, device=device)
    return low, torch.tensor([terms.x_max] * terms.types + [terms.reward_max] * terms.types, device=device)


def admissible(designs: Tensor, terms: ContractParameters) -> Tensor:
    """Return the nearest menu within bounds on the grid."""
    low, high = bounds(terms, designs.device)
    return ((designs / GRID).round() * GRID).clamp(low, high).to(designs.dtype)
