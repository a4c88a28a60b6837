"""Stackelberg pricing of split inference, the case study of Lai et al. (section IV), as a decision process.

The paper publishes the game's players and arguments, its state and its reward, but neither formulas in text nor a
constant; see `followers` and `leader` for the reading taken here.

Axes: B networks, N devices, X prices (1 or N), K probing prices.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

import torch
from pydantic import Field
from torch import Tensor

from aign.scenarios.core import DesignScenario, Feature, ScenarioParameters
from aign.scenarios.core.certificate import Certificate, CertificateKind
from aign.scenarios.core.constraints import Constraint
from aign.scenarios.stackelberg import heuristics, learning, per_device, uniform
from aign.scenarios.stackelberg.followers import L_MAX, Devices
from aign.scenarios.stackelberg.leader import LABELS, PRICE_HIGH, PRICE_LOW, Game

if TYPE_CHECKING:
    from matplotlib.figure import Figure

FIRST_PROBE = 0.1
"""Lowest probing price, and the price an episode usually starts from; every further probe doubles it."""
POWERS, TASTES, COSTS, BUDGETS = (2.0, 5.0), (0.5, 1.5), (2.0, 6.0), (1.5, 3.0)
"""Uniform draws: W [GMAC], alpha, beta [1/GMAC], budget for each device: it binds in four networks of five."""
BUDGET_SCALE = 2.0
VALUES = 1 << 22
"""Devices times candidate prices handled at once, so that large batches fit."""


class StackelbergParameters(ScenarioParameters):
    """Parameters of a Stackelberg variant."""

    devices: Annotated[int, Field(ge=2, le=50)] = 10
    """Number of followers N."""
    layers: Literal["continuous", "integer"] = "integer"
    """Whether followers may compute parts of a layer."""
    information: Literal["hidden", "full"] = "hidden"
    """hidden: the leader sees answers, never types. full: it sees the types W and alpha as well."""
    prices: Literal["uniform", "per-device"] = "uniform"
    """One price for all, or one for each device under a shared payment budget."""
    reward: Literal["utility", "binary"] = "utility"
    """utility: the gain. binary: 1 where the utility rose, else 0, as in the paper; for agents only, and it can be
    gamed: slow climbers earn more than who jumps to the optimum."""
    probes: Annotated[int, Field(ge=1, le=5)] = 3
    """Probing prices to which the answers are known beforehand."""
    revenue: Annotated[float, Field(ge=0, le=1e3)] = 30.0
    """F for each device: fixed revenue; large enough for a positive utility in any network drawn."""


class Stackelberg(DesignScenario[StackelbergParameters]):
    """Set the price per transformer layer at which edge devices take layers off an edge server.

    An edge server runs an image encoder of 12 layers for N devices. It offers them a price per layer, and each device
    computes as many layers as pay for it. The server (leader) knows its own cost but not the devices' types; what it
    knows of them are their answers to a few probing prices. The outcome of the game, prices and answers, is the design.

    | | |
    |---|---|
    | context | per device: spare computing power W_n [GMAC] and taste alpha_n [1]; beta [1/GMAC], the leader's cost |
    | | of computing; with prices per device also its payment budget [1] |
    | state, design | X prices [1/layer], 0.01 to 2; X = 1, or N with prices per device; N answers (layers / 12) |
    | observation | the state; answers to the K probing prices 0.1, 0.2, 0.4, ... (KN); with full information |
    | | W / 5 and alpha (2N); beta / 4 (X); with prices per device budget / (2N) (N); t/T |
    | action | X values in [-1, 1]: each changes its price by up to 0.1; the devices then give their best response |
    | reward | gain in the leader's utility; or, as in the paper, 1 where it rose and 0 otherwise |
    | start | price 0.1; or random |
    | end | after T = 16 steps |

    **Equations.** A = 0.358 GMAC per layer, B = 0.116 GMAC for the embedding. Device n computes the L_n in 0..12 that
    maximise P_n L_n + alpha_n ln(1 + W_n - (A L_n + B)). Leader: U = F - sum_n P_n L_n - beta sum_n A (12 - L_n).
    Prices that would exceed the budget are lowered by one common factor. Utility, return and labels in a dataset never
    depend on the choice of reward.

    **Labels.** payment [1]; offload_ratio; max_price [1/layer]; fairness (Jain's index of layers); profit [1] (U);
    participation (share of devices that compute any layer).

    **Parameters.** devices N (10), layers ("integer" or "continuous"), information ("hidden" or "full"), prices
    ("uniform" or "per-device"), reward ("utility" or "binary"), probes K (3), revenue (F per device, 30).

    **Certificate.** One price: the exact optimum under any constraints, since utility and labels are monotone between
    finitely many prices. Prices per device: exact under payment<=, max_price<=, offload_ratio>=, profit>= (cheapest
    increments first, or Karush-Kuhn-Tucker conditions); other constraints are only checked on that optimum.

    **Rules.** fixed_price, cost_plus (a share of what a layer saves), random_price, golden_section (knows the types),
    inferred_types (best prices for the types that the probes suggest). Zero of the normalised return: the mean utility
    of the constant prices 0.2, 0.25, ..., 0.5.

    **Source.** Lai et al., Resource-efficient Generative Mobile Edge Networks in 6G Era, section IV. Players, state and
    binary reward are the paper's; it prints the utilities only in a figure and no constants, so both are a reading.
    """

    name: ClassVar[str] = "stackelberg"
    summary: ClassVar[str] = "A price per layer at which edge devices take transformer layers off an edge server"
    purposes = ("set prices", "price layers", "price transformer layers", "split inference",
                "split inference among devices", "Stackelberg game", "pricing game")
    published: ClassVar[str] = (
        "Lai et al. (Resource-efficient Generative Mobile Edge Networks in 6G Era, section IV.D) print curves of the "
        "server's average utility over training epochs (Fig. 4) and bars of its final and mean utility, the latter "
        "over epochs 200 to 500 (Fig. 5), for their diffusion model, PPO and random pricing; the diffusion model is "
        "highest. Neither the number of devices nor alpha, beta, A, B, W or F is published, and the utilities stand "
        "only in a figure. So the numbers cannot be compared; the order of methods can, and here there is an "
        "optimum to measure it against.")
    Parameters: ClassVar[Any] = StackelbergParameters

    horizon = 16
    step_size = 0.1
    labels = LABELS

    def __init__(self, parameters: StackelbergParameters) -> None:
        super().__init__(parameters)
        devices, self.one_price = parameters.devices, parameters.prices == "uniform"
        self.whole = parameters.layers == "integer"
        self.prices = 1 if self.one_price else devices
        self.action_size = self.agents = self.prices
        self.probing = torch.tensor([FIRST_PROBE * 2**k for k in range(parameters.probes)], dtype=torch.float64)
        budget = () if self.one_price else (Feature("budget", "1", 0.1 * devices, 10.0 * devices),)
        self.context_features = (Feature("power", "GMAC", 1.0, 6.0, devices, "W, what a device can spare"),
                                 Feature("taste", "1", 0.2, 3.0, devices, "alpha, worth of what it keeps"),
                                 Feature("cost", "1/GMAC", 0.5, 10.0, 1, "beta, the leader's own cost"), *budget)
        self.state_features = (Feature("price", "1/layer", PRICE_LOW, PRICE_HIGH, self.prices),
                               Feature("share", "1", 0.0, 1.0, devices, "layers answered, over 12"))
        self.observation_features = (*self.state_features, *self._fixed_features(), Feature("time", "1", 0.0, 1.0))
        self.heuristics = {name: partial(self._rule, rule) for name, rule in self._rules().items()}
        self.presets = {"spread": self._preset()}

    def _fixed_features(self) -> tuple[Feature, ...]:
        devices, full = self.parameters.devices, self.parameters.information == "full"
        probes = (Feature(f"probe_{k + 1}", "1", 0.0, 1.0, devices) for k in range(self.parameters.probes))
        types = (Feature("power", "1", 0.2, 1.2, devices), Feature("taste", "1", 0.2, 3.0, devices)) if full else ()
        budget = () if self.one_price else (Feature("budget", "1", 0.0, 5.0, devices),)
        return (*probes, *types, Feature("cost", "1", 0.1, 2.5, self.prices), *budget)

    def _rules(self) -> dict[str, Callable[[Game], Tensor]]:
        return {"fixed_price": heuristics.fixed_price, "cost_plus": heuristics.cost_plus,
                "random_price": lambda game: heuristics.random_price(game)[:, :self.prices],
                "golden_section": heuristics.golden_section,
                "inferred_types": lambda game: heuristics.inferred_types(game, self.probing, self.one_price)}

    def _rule(self, rule: Callable[[Game], Tensor], contexts: Tensor) -> Tensor:
        """Return the design (B, X + N) a pricing rule leads to."""
        game = self.game(contexts)
        return game.answered(rule(game).expand(-1, self.prices))

    def _preset(self) -> Tensor:
        """Return a context of evenly spread types: the more powerful, the less a device values what it keeps."""
        devices = self.parameters.devices
        common = [4.0] if self.one_price else [4.0, BUDGET_SCALE * devices]
        return torch.cat([torch.linspace(POWERS[1], POWERS[0], devices), torch.linspace(*TASTES, devices),
                          torch.tensor(common)])

    # --- contexts --------------------------------------------------------------------------------------------------
    def game(self, contexts: Tensor) -> Game:
        """Return leader and followers of contexts (B, C), float64."""
        n, values = self.parameters.devices, contexts.double()
        budget = torch.full_like(values[:, :1], torch.inf) if self.one_price else values[:, 2 * n + 1:]
        return Game(Devices(values[:, :n], values[:, n:2 * n], self.whole), values[:, 2 * n:2 * n + 1], budget,
                    self.parameters.revenue * n)

    def draw_contexts(self, count: int, generator: torch.Generator) -> Tensor:
        """Draw (count, C) contexts, everything uniform and independent (a proposal: the paper publishes nothing)."""
        n = self.parameters.devices
        ranges = [(*POWERS, n), (*TASTES, n), (*COSTS, 1), *([] if self.one_price else [(*BUDGETS, 1)])]
        drawn = [low + (high - low) * torch.rand(count, size, generator=generator) for low, high, size in ranges]
        if not self.one_price:
            drawn[-1] = n * drawn[-1]
        return self.canonical_order(torch.cat(drawn, 1))[0]

    def canonical_order(self, contexts: Tensor) -> tuple[Tensor, Tensor]:
        """Number devices by falling answers to the probes; see `Scenario.canonical_order`."""
        n = self.parameters.devices
        order = self._probed(contexts).sum(2).argsort(dim=1, descending=True, stable=True)
        first = order if not self.one_price else torch.zeros_like(order[:, :1])
        ordered = [contexts[:, :n].gather(1, order), contexts[:, n:2 * n].gather(1, order), contexts[:, 2 * n:]]
        return torch.cat(ordered, 1), torch.cat([first, order + self.prices], 1)

    def _probed(self, contexts: Tensor) -> Tensor:
        """Return the answers to the probing prices, over 12, (B, N, K)."""
        probing = self.probing.to(contexts.device).expand(len(contexts), 1, -1)
        return self.game(contexts).devices.respond(probing) / L_MAX

    def fixed_observation(self, contexts: Tensor) -> Tensor:
        """Return answers to the probes, with full information types, then cost and budget; float32, of order 1."""
        n = self.parameters.devices
        parts = [*self._probed(contexts).unbind(2), contexts[:, 2 * n:2 * n + 1].expand(-1, self.prices) / 4.0]
        if self.parameters.information == "full":
            parts[-1:-1] = [contexts[:, :n] / POWERS[1], contexts[:, n:2 * n]]
        if not self.one_price:
            parts.append(contexts[:, 2 * n + 1:].expand(-1, n) / (BUDGET_SCALE * n))
        return torch.cat([part.float() for part in parts], 1)

    # --- dynamics --------------------------------------------------------------------------------------------------
    def initial_state(self, contexts: Tensor, generator: torch.Generator | None = None) -> Tensor:
        """Return the lowest probing price and its answers, or random prices between 0.01 and 1."""
        prices = torch.full((len(contexts), self.prices), FIRST_PROBE)
        if generator is not None:
            prices = PRICE_LOW + (1.0 - PRICE_LOW) * torch.rand(prices.shape, generator=generator)
        return self.game(contexts).answered(prices.to(contexts.device))

    def nearest_start(self, contexts: Tensor, observed: Tensor) -> Tensor:
        """Return the prices within bounds and budget, and the devices' answers to them."""
        return self.game(contexts).answered(observed[:, :self.prices])

    def admissible(self, designs: Tensor) -> Tensor:
        """Return designs (B, X + N) within bounds; which answers belong to a price only a context tells."""
        prices, shares = designs[:, :self.prices], designs[:, self.prices:].clamp(0.0, 1.0)
        shares = (shares * L_MAX).round() / L_MAX if self.whole else shares
        return torch.cat([prices.clamp(PRICE_LOW, PRICE_HIGH), shares], 1)

    def step(self, contexts: Tensor, states: Tensor, actions: Tensor) -> tuple[Tensor, Tensor]:
        """Change the prices by 0.1 times actions (B, X), clipped to [-1, 1], and let the devices answer."""
        offered = states[:, :self.prices] + self.step_size * actions.clamp(-1.0, 1.0)
        following = self.game(contexts).answered(offered)
        gain = self.utility(contexts, following) - self.utility(contexts, states)
        return following, (gain > 0).to(gain.dtype) if self.parameters.reward == "binary" else gain

    def action_towards(self, states: Tensor, designs: Tensor) -> Tensor:
        """Return the clipped difference of prices, in units of the largest step; float32 (B, X)."""
        return super().action_towards(states[:, :self.prices], designs[:, :self.prices])

    # --- what each decision maker sees: with prices per device, one for each device ----------------------------------
    def agent_observations(self, contexts: Tensor, states: Tensor, time: int) -> Tensor:
        """Return the observation (B, 1, D) to who sets one price; else what each device's part is, see `learning`."""
        if self.one_price:
            return super().agent_observations(contexts, states, time)
        return learning.observations(self.game(contexts), states, self.fixed_observation(contexts))

    @property
    def learners_reward(self) -> str:  # type: ignore[override]
        """What `agent_rewards` gives, in words."""
        if self.parameters.reward == "binary":
            return "the reward in the dataset"
        return ("the reward in the dataset, compressed by a logarithm" if self.one_price else
                "a difference reward for each device, which is not in the dataset: what its own move gained while all "
                "others moved as they did, compressed by a logarithm")

    def agent_rewards(self, contexts: Tensor, states: Tensor, next_states: Tensor, rewards: Tensor) -> Tensor:
        """Return the reward, compressed by a symmetric logarithm; the binary one as it is.

        With prices per device, each gets what its own move gained while all others moved as they did, (B, N).
        """
        if self.parameters.reward == "binary":
            return rewards[:, None].float().expand(-1, self.agents)
        if self.one_price:
            return learning.compressed(rewards.reshape(len(contexts), 1))
        repeated = self.game(contexts.repeat_interleave(self.agents, dim=0))
        stayed = learning.stayed_utility(self.game(contexts), repeated, states[:, :self.agents],
                                         next_states[:, :self.agents])
        return learning.compressed(self.utility(contexts, next_states)[:, None] - stayed)

    # --- designs ---------------------------------------------------------------------------------------------------
    def utility(self, contexts: Tensor, designs: Tensor) -> Tensor:
        """Return the leader's utility (B,) at the prices of designs (B, X + N), settled and answered."""
        return self.game(contexts).utility(designs[:, :self.prices])

    def measure(self, contexts: Tensor, designs: Tensor) -> dict[str, Tensor]:
        """Return all labels; see `leader.LABELS`."""
        game = self.game(contexts)
        values = game.measure(*game.played(designs[:, :self.prices]))
        return {name: value[:, 0] for name, value in values.items()}

    def per_entity(self, contexts: Tensor, designs: Tensor) -> dict[str, Tensor]:
        """Return what each device is paid and the layers it computes."""
        prices, layers = self.game(contexts).played(designs[:, :self.prices])
        return {"payment [1]": (prices * layers)[:, :, 0], "layers [layer]": layers[:, :, 0]}

    def reference_utility(self, contexts: Tensor) -> Tensor:
        """Return the mean utility of the blind prices, from 0.2 to 0.5: what a plausible price set by chance earns.

        No single price will do: it would be optimal by luck in some networks, which leaves nothing to normalise by.
        """
        game = self.game(contexts)
        earned = [game.utility(torch.full_like(game.cost, price).expand(-1, self.prices))
                  for price in heuristics.BLIND_PRICES]
        return torch.stack(earned).mean(0)

    def entity_names(self, count: int) -> list[str]:
        """Return "device 1", "device 2", ...; one price is that of all devices."""
        return ["all devices"] if count == 1 else [f"device {number + 1}" for number in range(count)]

    def certify(self, contexts: Tensor, constraints: Sequence[Constraint] = ()) -> Certificate:
        """Return the exact optimum: over one price by `uniform`, over prices per device by `per_device`."""
        parts = [self._certify(part, constraints) for part in self._chunks(contexts)]
        whole = [torch.cat(values) for values in zip(*parts, strict=True)]
        utility, design, feasible, impossible = whole
        if self.one_price:
            return Certificate(utility, design, feasible, CertificateKind.EXHAUSTIVE,
                               "Every price at which the utility or a constraint can turn was tried: the optimum over "
                               "all prices that float32 numbers can express.")
        solved = all(constraint.side in per_device.SOLVED for constraint in constraints)
        exact = ("Exact: layers are bought in the order of what each costs, of which any optimum takes the cheapest."
                 if self.whole else "Exact by convexity (Karush-Kuhn-Tucker conditions, one multiplier by bisection).")
        kind = CertificateKind.EXHAUSTIVE if solved and self.whole else CertificateKind.UPPER_BOUND
        return Certificate(utility, design, feasible, kind,
                           exact if solved else f"{exact} Constraints without a closed form are only checked on it.",
                           impossible=impossible)

    def _certify(self, contexts: Tensor, constraints: Sequence[Constraint]) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        game = self.game(contexts)
        if self.one_price:
            utility, prices, feasible = uniform.solve(game, constraints)
            return utility, game.answered(prices), feasible, ~feasible
        bound, prices, feasible, impossible = per_device.certify(game, constraints)
        return bound, game.answered(prices), feasible, impossible

    def project(self, contexts: Tensor, designs: Tensor, constraints: Sequence[Constraint] = ()) -> Tensor:
        """Return prices within bounds, budget and constraints near the given ones, with the devices' answers.

        One price: the nearest that meets the constraints. Prices per device: cap and payment limit in closed form, else
        towards the certified prices until all constraints are met.
        """
        nearest = uniform.nearest if self.one_price else per_device.nearest
        projected = []
        for part, wishes in zip(self._chunks(contexts), self._chunks(designs), strict=True):
            game = self.game(part)
            projected.append(game.answered(nearest(game, wishes[:, :self.prices], constraints)))
        return torch.cat(projected)

    def _chunks(self, values: Tensor) -> Sequence[Tensor]:
        """Split (B, ...) so that every device can be tried at every candidate price at once."""
        return list(torch.split(values, max(1, VALUES // (50 * self.parameters.devices**2))))

    def picture(self, context: Tensor, path: Tensor, title: str = "") -> Figure:
        """Draw utility over price, the answers and the way there; see `picture.draw`."""
        from aign.scenarios.stackelberg.picture import draw
        context = context[None].cpu()
        return draw(self.game(context), self.certify(context), path.cpu(), title)
