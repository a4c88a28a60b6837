"""Contracts for mobile AI-generated content (Liu et al. 2023, section IV) as a decision process.

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
from aign.scenarios.contract import menu as menus
from aign.scenarios.contract.labels import LABELS, measure
from aign.scenarios.contract.menu import LEAST_COMPLEXITY, MOST_COMPLEXITY, ContractParameters, Market
from aign.scenarios.contract.optimum import log_rent
from aign.scenarios.core import DesignScenario, Feature
from aign.scenarios.core.certificate import Certificate
from aign.scenarios.core.constraints import Constraint

if TYPE_CHECKING:
    from matplotlib.figure import Figure

LEAST_SHARE = 0.1
"""The types' probabilities are this, in equal parts, and the rest at random: with two types p_1 ~ U(0.05, 0.95)."""
LEAST_WAIT, MOST_WAIT = 5.0, 60.0
"""Range of the longest latency [s] (a proposal: the paper says random; only latencies depend on it)."""
WHOLE = 1e-3
"""Probabilities sum to 1 up to this."""


class Contract(DesignScenario[ContractParameters]):
    """Offer a menu of contracts (speed, reward) to providers of mobile AI-generated content whose types are hidden.

    A client wants content from n providers. Each has one of Q types, its model complexity, which the client does not
    know; it only knows how likely each type is. It offers one menu of Q contracts, each a longest latency and a reward,
    and every provider signs the contract that suits it best, or none.

    | | |
    |---|---|
    | context | probabilities p_q (Q) [1], complexities theta_q (Q), rising, 1 to 100 [1], longest latency L_max [s] |
    | state, design | speeds x_q = L_max / L_q (Q), 1 to x_max [1], then rewards R_q (Q), 0 to reward_max [credit], on |
    | | a grid of 2^-16 |
    | observation | the state; p_q (Q); theta_q / 100 (Q); ln(virtual complexity / theta_q) (Q); L_max / 60 s; t/T |
    | action | 2Q values in [-1, 1]: each changes its speed or reward by up to an eighth of the wider of both ranges |
    | reward | gain in utility |
    | start | x = 1, R = 0, which nobody signs; or a random menu |
    | end | after T = 8 steps |

    **Equations.** A provider of type q that signs (x, R) has the payoff R - f theta_q x [credit]; it signs the contract
    of largest payoff if that is not negative. The client earns e1 theta_q^z1 - e2 x^-z2 - R [credit] from it, and
    nothing without a signature. Utility: expected earnings per provider less those of the blind contract (x = 1,
    R = 100 f), which every type accepts in any market. In the best menu the last type has no payoff left and neighbours
    are indifferent: with a little less reward a type signs otherwise, at hundreds of times the cost of what menus
    decide.

    **Labels.** ir_slack, ic_slack [credit] (least slack of individual rationality and of incentive compatibility);
    monotonicity (least decrease of speed); payment [credit] (to all n); latency [s] (longest); served (share of
    providers that sign); provider_utility [credit].

    **Parameters.** types Q (2), asps n (50), f, e1, e2, z1, z2, x_max, reward_max; reward ("self-selection", or
    "penalty": an invalid menu earns minus the sum of its violations).

    **Certificate.** Optimum in closed form: virtual costs, then antitonic regression (ironing). Under constraints on
    ir_slack, ic_slack, payment, provider_utility, latency and served, an upper bound by linear programs with tangents
    of the convex cost (Kelley 1960). Other constraints, and any with penalties: best known.

    **Rules.** blind_contract (also the zero of the normalised return), uniform_contract (best single contract),
    first_best_menu (as if types could be told), efficient_menu (first-best speeds, least rewards that keep it valid).

    **Source.** Liu et al. 2023, section IV. The providers' utility stands there in a picture only; the cost f theta x
    is a proposal, so no figure of the paper is reproduced. Virtual costs: Myerson 1981.
    """

    name: ClassVar[str] = "contract"
    summary: ClassVar[str] = "A menu of contracts (latency, reward) for providers whose types are hidden"
    purposes = ("contract", "contract design", "design contracts", "offer contracts", "write contracts",
                "menu of contracts", "offer menu of contracts")
    published: ClassVar[str] = (
        "The paper (Liu et al. 2023, section IV) prints training curves and bar charts of its contracts only: with two "
        "types its diffusion agent settles at a positive reward, PPO about zero. The utility of providers stands in a "
        "figure and the reward of a contract that breaks individual rationality or incentive compatibility is not "
        "given, so no number here can be put beside it; n, Q, f, e1, e2, z1, z2 and the ranges of theta are the "
        "paper's.")
    Parameters: ClassVar[Any] = ContractParameters
    horizon = 8
    labels = LABELS

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
        low, high = menus.bounds(self.parameters, contexts.device)
        share = torch.zeros(len(contexts), self.action_size) if generator is None else torch.rand(
            len(contexts), self.action_size, generator=generator)
        return self.admissible(low + share.to(contexts.device) * (high - low))

    def fixed_observation(self, contexts: Tensor) -> Tensor:
        """Return probabilities, complexities / 100, what rents add to them, and longest latency / 60 s.

        Speeding up type q raises the rents of all types before it: to the client its complexity is the larger virtual
        one (`optimum.virtual_cost`), the textbook's view of the market. Optima depend on it smoothly.
        """
        market = self.market(contexts)
        return torch.cat([market.share, market.complexity / MOST_COMPLEXITY, log_rent(market),
                          market.longest[:, None] / MOST_WAIT], 1).float()

    def agent_observations(self, contexts: Tensor, states: Tensor, time: int) -> Tensor:
        """Return (B, 1, 8Q - 2) for the client: menu, market and slacks, of order 1; see `training`."""
        return training.observations(self.market(contexts), *self._split(states))[:, None]

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
        return menus.split(designs, self.parameters)

    def admissible(self, designs: Tensor) -> Tensor:
        """Return the nearest menu within bounds on the grid."""
        return menus.admissible(designs, self.parameters)

    def utility(self, contexts: Tensor, designs: Tensor) -> Tensor:
        """Return the client's gain per provider over the blind contract, or the penalty; see `menu`."""
        return menus.utility(self.market(contexts), *self._split(designs))

    def measure(self, contexts: Tensor, designs: Tensor) -> dict[str, Tensor]:
        """Return all labels; see `labels.LABELS`."""
        return measure(self.market(contexts), *self._split(designs))

    def per_entity(self, contexts: Tensor, designs: Tensor) -> dict[str, Tensor]:
        """Return each type's contract as meant for it, and its payoff from it."""
        speed, reward = self._split(designs)
        return {"speed [1]": speed, "reward [credit]": reward,
                "payoff [credit]": reward - self.market(contexts).cost * speed}

    def entity_names(self, count: int) -> list[str]:
        """Return "type 1", "type 2", ..."""
        return [f"type {number + 1}" for number in range(count)]

    def reference_utility(self, contexts: Tensor) -> Tensor:
        """Return the utility of the blind contract, 0 up to the grid: it needs no knowledge of the market.

        A single contract that knows the types is no zero to divide by: in one context of twenty it is within 0.025
        credit of the optimum, though both cost the client about 8.
        """
        return self.utility(contexts, self.heuristics["blind_contract"](contexts))

    def certify(self, contexts: Tensor, constraints: Sequence[Constraint] = ()) -> Certificate:
        """Return the optimum in closed form, or by linear programs where it breaks a constraint; see `answers`."""
        return answers.certify(self.market(contexts), constraints)

    def project(self, contexts: Tensor, designs: Tensor, constraints: Sequence[Constraint] = ()) -> Tensor:
        """Return valid menus: individually rational and incentive compatible, as the problem (section IV-C) has them.

        First each menu is made valid in closed form (`optimum.valid`); one that breaks the request is then replaced by
        the nearest valid menu (in the sum of absolute changes) that meets it, found by a linear program. Agents act
        on any menu, valid or not.
        """
        return answers.project(self.market(contexts), self.admissible(designs), constraints)

    def picture(self, context: Tensor, path: Tensor, title: str = "") -> Figure:
        """Draw the menu in the plane of latency and reward with indifference curves, and who prefers what."""
        from aign.scenarios.contract.picture import draw
        return draw(self.market(context[None].cpu()), path, title)
