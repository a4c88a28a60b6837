"""Contracts for mobile AI-generated content (Liu et al. 2023, section IV) as a decision process.

The paper's utility of providers is shown in a picture only; ours is a proposal (see `menu`), so no figure of the paper
is reproduced.

Axes: B networks, Q types by rising complexity, C = 2Q + 1 context values, X = 2Q design values.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar

import torch
from torch import Tensor

from aign.errors import ContextError
from aign.scenarios.contract import answers, heuristics, training
from aign.scenarios.contract.menu import (
    COIN,
    LEAST_COMPLEXITY,
    MOST_COMPLEXITY,
    ContractParameters,
    Market,
    gain,
    penalised_gain,
    sign,
    slacks,
)
from aign.scenarios.contract.optimum import log_rent
from aign.scenarios.core import DesignScenario, Feature
from aign.scenarios.core.certificate import Certificate
from aign.scenarios.core.constraints import Constraint, Label

if TYPE_CHECKING:
    from matplotlib.figure import Figure

LEAST_SHARE = 0.1
"""The types' probabilities are this, in equal parts, and the rest at random: with two types p_1 ~ U(0.05, 0.95)."""
LEAST_WAIT, MOST_WAIT = 5.0, 60.0
"""Range of the longest latency [s] (a proposal: the paper says random; only latencies depend on it)."""
WHOLE = 1e-3
"""Probabilities sum to 1 up to this."""


class Contract(DesignScenario[ContractParameters]):
    """Offer a menu of contracts (speed, reward), one meant for each hidden type of provider.

    | observation | meaning | low | high | unit |
    |---|---|---|---|---|
    | 0..Q-1 | speed x_q = L_max / L_q of contract q | 1 | x_max | 1 |
    | Q..2Q-1 | reward R_q of contract q | 0 | reward_max | credit |
    | 2Q..3Q-1 | probability p_q of type q | 0 | 1 | 1 |
    | 3Q..4Q-1 | complexity theta_q / 100 | 0 | 1 | 1 |
    | 4Q..5Q-1 | ln of the virtual complexity over theta_q | 0 | 16 | 1 |
    | 5Q | longest latency L_max / 60 s | 0 | 60 | 1 |
    | last | time t/T | 0 | 1 | 1 |

    An action in [-1, 1]^2Q changes each speed and reward by up to an eighth of the wider of their ranges; menus are on
    a grid of 2^-16. Reward: gain in utility. Utility: what the client earns per provider, less what it earns with the
    blind contract (x = 1, reward f * 100), which every type accepts whatever the market; see `menu.gain`. Start: x = 1,
    R = 0, which nobody signs. Episodes end after T = 8 steps. Types are numbered by rising complexity.

    The best menus leave the last type with nothing and its neighbours indifferent: a little less reward, and a type
    signs another contract, or none, which costs the client hundreds of times what the menu decides.
    """

    name: ClassVar[str] = "contract"
    summary: ClassVar[str] = "A menu of contracts (latency, reward) for providers whose types are hidden"
    published: ClassVar[str] = (
        "The paper (Liu et al. 2023, section IV) prints training curves and bar charts of its contracts only: with two "
        "types its diffusion agent settles at a positive reward, PPO about zero. The utility of providers stands in a "
        "figure and the reward of a contract that breaks individual rationality or incentive compatibility is not "
        "given, so no number here can be put beside it; n, Q, f, e1, e2, z1, z2 and the ranges of theta are the "
        "paper's.")
    Parameters: ClassVar[Any] = ContractParameters
    horizon = 8
    labels = (
        Label("ir_slack", "credit", "higher", "Least payoff of a type from its own contract: individual rationality."),
        Label("ic_slack", "credit", "higher", "Least advantage of an own contract over another: incentive "
                                              "compatibility."),
        Label("monotonicity", "1", "higher", "Least fall in speed from one type's contract to the next one's."),
        Label("payment", "credit", "lower", "Expected rewards paid to all providers."),
        Label("latency", "s", "lower", "Longest latency among the contracts of the menu."),
        Label("served", "1", "higher", "Share of providers that sign a contract."),
        Label("provider_utility", "credit", "higher", "Expected payoff of a provider."),
    )

    def __init__(self, parameters: ContractParameters) -> None:
        super().__init__(parameters)
        types = parameters.types
        self.action_size = 2 * types
        self.step_size = max(parameters.x_max - 1, parameters.reward_max) / self.horizon
        self.context_features = (
            Feature("share", "1", 1e-4, 1.0, types, "probability of a type"),
            Feature("complexity", "1", 1.0, MOST_COMPLEXITY, types, "model complexity of a type"),
            Feature("longest_latency", "s", 0.1, 3600.0, 1, "longest latency any contract allows"))
        self.state_features = (Feature("speed", "1", 1.0, parameters.x_max, types, "longest latency / latency"),
                               Feature("reward", "credit", 0.0, parameters.reward_max, types))
        self.observation_features = (*self.state_features, Feature("share", "1", 0, 1, types),
                                     Feature("complexity", "1", 0, 1, types),
                                     Feature("rent", "1", 0, 16, types, "ln(virtual complexity / complexity)"),
                                     Feature("longest_latency", "1", 0, 60), Feature("time", "1", 0, 1))
        self.heuristics = {name: partial(self._by_rule, rule) for name, rule in heuristics.RULES.items()}
        middle = (torch.arange(types) + 0.5) * (MOST_COMPLEXITY - LEAST_COMPLEXITY) / types + LEAST_COMPLEXITY
        rare = torch.cat([torch.tensor([0.05]), torch.full((types - 1,), 0.95 / (types - 1))])
        self.presets = {"even": torch.cat([torch.full((types,), 1 / types), middle, torch.tensor([30.0])]),
                        "rare-simple": torch.cat([rare, middle, torch.tensor([30.0])])}

    def market(self, contexts: Tensor) -> Market:
        """Return contexts (B, C) as what menus are judged by."""
        return Market.read(contexts, self.parameters)

    def _by_rule(self, rule: heuristics.Rule, contexts: Tensor) -> Tensor:
        """Return the design (B, X), float32, that a rule of thumb gives."""
        return self.admissible(torch.cat(rule(self.market(contexts)), 1)).float()

    # --- contexts --------------------------------------------------------------------------------------------------
    def draw_contexts(self, count: int, generator: torch.Generator) -> Tensor:
        """Draw one complexity in each of Q equal parts of (10, 100), with two types of (10, 50) and (50, 100) as the
        paper does, random probabilities and L_max ~ U(5, 60) s.
        """
        types = self.parameters.types
        weights = -torch.rand(count, types, generator=generator).clamp(1e-6, 1 - 1e-6).log()
        share = LEAST_SHARE / types + (1 - LEAST_SHARE) * weights / weights.sum(1, keepdim=True)
        edges = torch.linspace(LEAST_COMPLEXITY, MOST_COMPLEXITY, types + 1)
        if types == 2:
            edges[1] = 50.0
        complexity = edges[:-1] + edges.diff() * torch.rand(count, types, generator=generator)
        longest = LEAST_WAIT + (MOST_WAIT - LEAST_WAIT) * torch.rand(count, 1, generator=generator)
        return torch.cat([share, complexity, longest], 1)

    def check_contexts(self, contexts: Tensor) -> Tensor:
        """Return contexts as float32 (B, C) after checking size, finiteness, bounds and that probabilities sum to 1.

        Raises:
            ContextError: naming the first value at fault, with what is allowed.
        """
        contexts = super().check_contexts(contexts)
        total = contexts[:, :self.parameters.types].sum(1)
        wrong = (total - 1).abs() > WHOLE
        if bool(wrong.any()):
            row = int(wrong.nonzero()[0])
            raise ContextError(f"Context {row}: the values of share sum to {float(total[row]):g}; allowed: 1 (within "
                               f"{WHOLE:g}). They are the probabilities of the {self.parameters.types} types.")
        return contexts

    def perturbed_contexts(self, contexts: Tensor, scale: Tensor, generator: torch.Generator) -> Tensor:
        """Return markets with other probabilities, complexities and longest latencies; see `Scenario`.

        The probabilities sum to 1 again: all times one factor, after the lowest that is allowed was given to each.
        """
        types, lowest = self.parameters.types, self.context_features[0].low
        moved = super().perturbed_contexts(contexts, scale, generator)
        share = moved[:, :types] / moved[:, :types].sum(1, keepdim=True)
        return torch.cat([lowest + (1 - types * lowest) * share, moved[:, types:]], 1)

    def canonical_order(self, contexts: Tensor) -> tuple[Tensor, Tensor]:
        """Number types by rising complexity; see `Scenario.canonical_order`."""
        types = self.parameters.types
        order = contexts[:, types:2 * types].argsort(dim=1, stable=True)
        index = torch.cat([order, types + order], 1)
        return torch.cat([contexts.gather(1, index), contexts[:, 2 * types:]], 1), index

    # --- dynamics and what is seen -----------------------------------------------------------------------------------
    def initial_state(self, contexts: Tensor, generator: torch.Generator | None = None) -> Tensor:
        """Return a menu that asks for and pays nothing, or a random one."""
        low, high = self._bounds(contexts)
        share = torch.zeros(len(contexts), self.action_size) if generator is None else torch.rand(
            len(contexts), self.action_size, generator=generator)
        return self.admissible(low + share.to(contexts.device) * (high - low))

    def _bounds(self, like: Tensor) -> tuple[Tensor, Tensor]:
        types, device = self.parameters.types, like.device
        low = torch.cat([torch.ones(types, device=device), torch.zeros(types, device=device)])
        return low, torch.tensor([self.parameters.x_max] * types + [self.parameters.reward_max] * types, device=device)

    def fixed_observation(self, contexts: Tensor) -> Tensor:
        """Return probabilities, complexities / 100, what rents add to them, and longest latency / 60 s.

        Speeding up type q raises the rents of all types before it: to the client its complexity is the larger virtual
        one (`optimum.virtual_cost`), the textbook's view of the market. Optima depend on it smoothly.
        """
        market = self.market(contexts)
        return torch.cat([market.share, market.complexity / MOST_COMPLEXITY, log_rent(market),
                          market.longest[:, None] / MOST_WAIT], 1).float()

    def agent_observations(self, contexts: Tensor, states: Tensor, time: int) -> Tensor:
        """Return (B, 1, 8Q - 2) for the one client: menu, market and slacks, of order 1; see `training.seen`."""
        return training.seen(self.market(contexts), *self._split(states))[:, None]

    @property
    def learners_reward(self) -> str:  # type: ignore[override]
        """What `agent_rewards` gives, in words."""
        return ("the reward in the dataset" if self.parameters.reward == "penalty" else
                "the gain in a milder utility, which is not in the dataset")

    def agent_rewards(self, contexts: Tensor, states: Tensor, next_states: Tensor, rewards: Tensor) -> Tensor:
        """Return the gain in a milder utility (B, 1), or in the penalised one, which has a slope everywhere; see
        `training.potential`.
        """
        if self.parameters.reward == "penalty":
            return rewards.float()[:, None]
        market = self.market(contexts)
        after, before = (training.potential(market, *self._split(each)) for each in (next_states, states))
        return (after - before).float()[:, None]

    # --- designs -----------------------------------------------------------------------------------------------------
    def _split(self, designs: Tensor) -> tuple[Tensor, Tensor]:
        """Return speeds and rewards (B, Q) of designs, float64."""
        speed, reward = designs.double().split(self.parameters.types, 1)
        return speed.contiguous(), reward.contiguous()

    def admissible(self, designs: Tensor) -> Tensor:
        """Return the nearest menu within bounds on the grid."""
        low, high = self._bounds(designs)
        return ((designs / COIN).round() * COIN).clamp(low, high).to(designs.dtype)

    def utility(self, contexts: Tensor, designs: Tensor) -> Tensor:
        """Return the client's gain per provider over the blind contract, or the penalty; see `menu`."""
        market, menu = self.market(contexts), self._split(designs)
        if self.parameters.reward == "penalty":
            return penalised_gain(market, *menu)
        return gain(market, sign(market, *menu))

    def measure(self, contexts: Tensor, designs: Tensor) -> dict[str, Tensor]:
        """Return the labels: payment, served and provider_utility of what is signed, the others of the menu."""
        market, (speed, reward) = self.market(contexts), self._split(designs)
        signed = sign(market, speed, reward)
        rational, compatible = slacks(signed.payoffs)
        itself = torch.eye(speed.shape[1], dtype=torch.bool, device=speed.device)
        payoff = signed.reward - market.cost * signed.speed
        return {"ir_slack": rational.amin(1), "ic_slack": compatible.masked_fill(itself, torch.inf).flatten(1).amin(1),
                "monotonicity": -speed.diff(dim=1).amax(1),
                "payment": self.parameters.asps * (market.share * signed.reward * signed.accepted).sum(1),
                "latency": market.longest / speed.amin(1),
                "served": (market.share * signed.accepted).sum(1) / market.share.sum(1),
                "provider_utility": (market.share * payoff * signed.accepted).sum(1)}

    def per_entity(self, contexts: Tensor, designs: Tensor) -> dict[str, Tensor]:
        """Return each type's contract as meant for it, and its payoff from it."""
        speed, reward = self._split(designs)
        return {"speed [1]": speed, "reward [credit]": reward,
                "payoff [credit]": reward - self.market(contexts).cost * speed}

    def reference_utility(self, contexts: Tensor) -> Tensor:
        """Return the utility of the blind contract, 0 up to the grid: it needs no knowledge of the market.

        A single contract that knows the types is no zero to divide by: in one context of twenty it is within 0.025
        credit of the optimum, though both cost the client about 8.
        """
        return self.utility(contexts, self.heuristics["blind_contract"](contexts))

    def certify(self, contexts: Tensor, constraints: Sequence[Constraint] = ()) -> Certificate:
        """Return the optimum in closed form, or by linear programs where it breaks a constraint; see `answers`."""
        return answers.certify(self, contexts, constraints)

    def project(self, contexts: Tensor, designs: Tensor, constraints: Sequence[Constraint] = ()) -> Tensor:
        """Return valid menus: individually rational and incentive compatible, as the problem (section IV-C) has them.

        First each menu is made valid in closed form (`optimum.valid`); one that breaks the request is then replaced by
        the nearest valid menu (in the sum of absolute changes) that meets it, found by a linear program. Agents act
        on any menu, valid or not.
        """
        return answers.project(self, contexts, self.admissible(designs), constraints)

    def picture(self, context: Tensor, path: Tensor, title: str = "") -> Figure:
        """Draw the menu in the plane of latency and reward with indifference curves, and who prefers what."""
        from aign.scenarios.contract.picture import draw
        return draw(self, context, path, title)
