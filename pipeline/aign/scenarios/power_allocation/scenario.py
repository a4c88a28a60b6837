"""Uplink power allocation: the case study of the AIGN paper (Huang et al., section IV) as a decision process.

Axes: B networks, N users, M base stations, C = N*M gains.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

import torch
from pydantic import Field
from torch import Tensor

from aign.scenarios.core import DesignScenario, Feature, Heuristic, ScenarioParameters
from aign.scenarios.core.certificate import Certificate, Feasibility
from aign.scenarios.core.constraints import Constraint
from aign.scenarios.power_allocation import heuristics, local_repair, physics
from aign.scenarios.power_allocation.certify import certify
from aign.scenarios.power_allocation.feasibility import feasibility
from aign.scenarios.power_allocation.physics import MEAN_GAIN, P_MAX
from aign.scenarios.power_allocation.uplink import LABELS, WHOLE, Uplink
from aign.scenarios.power_allocation.user_view import user_observations

if TYPE_CHECKING:
    from matplotlib.figure import Figure

GAIN_LOW, GAIN_HIGH = 1e-6, 1.0
STRONG = 100.0
"""Factor on all gains where they are strong. At the calibrated gains rate utility shows a single local optimum."""


class PowerAllocationParameters(ScenarioParameters):
    """Parameters of a power-allocation variant."""

    users: Annotated[int, Field(ge=2, le=100)] = 20
    """Number of users N."""
    base_stations: Annotated[int, Field(ge=1, le=8)] = 1
    """Number of base stations M; each user is served by the one it hears best."""
    utility: Literal["log", "rate"] = "log"
    """Revenue: logarithm of the rate (concave in log power) or the rate itself (NP-hard)."""
    gains: Literal["preset", "general", "strong"] = "general"
    """Log-normal spread of the gains: 0.1 (calibrated preset) or drawn from U(0.1, 1) for each context; strong: as
    general, but all gains 20 dB higher, so that interference and not noise limits the rates."""


class PowerAllocation(DesignScenario[PowerAllocationParameters]):
    """Choose whole power levels for N uplink users who interfere with each other.

    N users send to M base stations in one band; each is served by the base station it reaches best. More power raises a
    user's rate, but also its cost and everybody else's interference. A design is one power level per user; users are
    numbered by falling serving gain, which loses nothing because they are exchangeable.

    | | |
    |---|---|
    | context | gains g_{i,b} over noise power (N M, user by user) [1/level], 1e-6 to 1 (100 times that where strong) |
    | state, design | power p_i (N), whole levels 0..40 |
    | observation | the state; log10(gain / mean gain) (N M) [decade]; t/T |
    | action | N values a_i in [-1, 1]: each changes its power by round(4 a_i) levels |
    | reward | gain in utility |
    | start | all powers 0; or random levels |
    | end | after T = 16 steps |

    **Equations.** SINR_i = g_i p_i / (1 + interference at user i's base station). Rate R_i = 423.1 log2(1 + SINR_i)
    Mbit/s. Utility log: sum_i 6.948 ln(max(R_i, 0.01)) - 0.2206 p_i. Utility rate: sum_i 6.948 R_i - 0.2206 p_i, which
    is NP-hard to maximise.

    **Labels.** total_power, max_power [level]; min_rate [Mbit/s], min_sinr_db [dB] (of the worst user); jain_fairness
    (of rates); energy_efficiency [Mbit/s/level].

    **Parameters.** users N (20), base_stations M (1), utility ("log" or "rate"), gains ("preset": spread 0.1 nepers;
    "general": spread drawn from U(0.1, 1); "strong": as general, but 20 dB higher).

    **Certificate.** Two users: exhaustive search over all 41 x 41 designs, under any constraints. Log utility: an upper
    bound by a Lagrangian tangent, from concavity in log power (interior-point method), for designs that keep every user
    at level 1 or more, and for all where the gains prove that silence never pays; feasibility is exact for upper limits
    on power and lower limits on rate and SINR. Rate utility: best known of many searches.

    **Rules.** full_power and noise_limited (the better of both is the zero of the normalised return),
    channel_inversion, fractional_control (3GPP), coordinate_ascent.

    **Source.** Huang et al., AIGN paper, section IV. It publishes utilities and the two-user optimum (28, 31), but
    neither gains nor constants; the constants are fitted to these numbers, so agreement with them is calibration, not
    evidence. Gains for several base stations (path loss, shadowing) are a proposal.
    """

    name: ClassVar[str] = "power-allocation"
    summary: ClassVar[str] = "Uplink power levels for N interfering users at one or several base stations"
    purposes = ("allocate power", "power control", "control power", "set powers", "set transmit powers")
    Parameters: ClassVar[Any] = PowerAllocationParameters

    horizon = 16
    step_size = 4.0
    integer_actions = True
    labels = LABELS
    integer_labels = WHOLE

    def __init__(self, parameters: PowerAllocationParameters) -> None:
        super().__init__(parameters)
        users, links = parameters.users, parameters.users * parameters.base_stations
        self.uplink = Uplink(users, parameters.utility)
        self.gain_scale = STRONG if parameters.gains == "strong" else 1.0
        self.mean_gain = MEAN_GAIN * self.gain_scale
        self.context_features = (Feature("gain", "1/level", GAIN_LOW * self.gain_scale, GAIN_HIGH * self.gain_scale,
                                         links, "gain over noise power"),)
        self.state_features = (Feature("power", "level", 0.0, float(P_MAX), users, "uplink power"),)
        self.observation_features = (*self.state_features,
                                     Feature("log_gain", "decade", -4.0, 4.0, links, "log10(gain / mean gain)"),
                                     Feature("time", "1", 0.0, 1.0, 1, "t/T"))
        self.action_size = self.agents = users
        rules: dict[str, Heuristic] = {
            name: partial(_closed_form, rule=rule, users=users) for name, rule in heuristics.CLOSED_FORM.items()}
        self.heuristics: Mapping[str, Heuristic] = {**rules, "coordinate_ascent": self._coordinate_ascent}
        self.presets = self._presets()

    def _presets(self) -> dict[str, Tensor]:
        if self.parameters.base_stations > 1 or self.parameters.gains == "strong":
            return {}
        if self.parameters.users == 2:
            return {"aign-two-users": torch.tensor([2.8e-3, 3.5e-4])}
        return {"aign-symmetric": torch.full((self.parameters.users,), MEAN_GAIN)}

    # --- contexts --------------------------------------------------------------------------------------------------
    def draw_contexts(self, count: int, generator: torch.Generator) -> Tensor:
        """Draw (count, N*M) gains: log-normal about the mean gain; with several base stations also path loss.

        Base stations and users are uniform in a unit square; path loss ((d + 0.1) / 0.35)^-3, shadowing 0.3 nepers
        (a proposal: the paper publishes neither).
        """
        users, stations = self.parameters.users, self.parameters.base_stations
        if stations == 1:
            spread = torch.full((count, 1), 0.1)
            if self.parameters.gains != "preset":
                spread = 0.1 + 0.9 * torch.rand(count, 1, generator=generator)
            gains = self.mean_gain * torch.exp(spread * torch.randn(count, users, generator=generator))
        else:
            place = torch.rand(count, users + stations, 2, generator=generator)
            distance = torch.cdist(place[:, :users], place[:, users:])
            shadow = torch.exp(0.3 * torch.randn(count, users, stations, generator=generator))
            gains = (self.mean_gain * ((distance + 0.1) / 0.35) ** -3 * shadow).flatten(1)
        return self.canonical_order(gains.clamp(GAIN_LOW * self.gain_scale, GAIN_HIGH * self.gain_scale))[0]

    def canonical_order(self, contexts: Tensor) -> tuple[Tensor, Tensor]:
        """Number users by falling serving gain; see `Scenario.canonical_order`."""
        gains = contexts.reshape(len(contexts), self.parameters.users, -1)
        index = gains.amax(dim=2).argsort(dim=1, descending=True, stable=True)
        ordered = gains.gather(1, index[:, :, None].expand_as(gains))
        return ordered.flatten(1), index

    def fixed_observation(self, contexts: Tensor) -> Tensor:
        """Return log10(gain / mean gain), float32 (B, N*M)."""
        return (contexts.float() / self.mean_gain).log10()

    def initial_state(self, contexts: Tensor, generator: torch.Generator | None = None) -> Tensor:
        """Return all powers 0, the published start; with a generator whole levels drawn uniformly."""
        shape = (len(contexts), self.parameters.users)
        if generator is None:
            return torch.zeros(shape, device=contexts.device)
        return torch.randint(0, P_MAX + 1, shape, generator=generator).float().to(contexts.device)

    # --- what each user sees: one shared policy serves any number of users -----------------------------------------
    def agent_observations(self, contexts: Tensor, states: Tensor, time: int) -> Tensor:
        """Return (B, N, 5): own log gain, own power, its logarithm, total received power, total gain.

        With several base stations (B, N, 12), see `user_view`.
        """
        if self.parameters.base_stations > 1:
            return user_observations(contexts, states, self.mean_gain)
        gain = heuristics.serving_gain(contexts, self.parameters.users)
        heard = torch.log1p((gain * states).sum(dim=1, keepdim=True)).expand_as(gain)
        crowd = torch.log1p(15.0 * gain.sum(dim=1, keepdim=True)).expand_as(gain)
        views = [(gain / self.mean_gain).log(), states.double() / 20 - 1, torch.log1p(states.double()) - 2,
                 3 * heard - 1.5, 3 * crowd - 1.5]
        return torch.stack(views, dim=2).float()

    learners_reward = ("a difference reward for each user, which is not in the dataset: what its own move gained while "
                       "all others moved as they did, compressed by a logarithm")

    def agent_rewards(self, contexts: Tensor, states: Tensor, next_states: Tensor, rewards: Tensor) -> Tensor:
        """Return each user's difference reward (B, N): what its own move gained, all others moving as they did.

        Compressed by a symmetric logarithm, because a user leaving silence gains hundreds of times what fine tuning
        gains (Wolpert and Tumer 2001 for difference rewards).
        """
        users = self.parameters.users
        stayed = torch.where(torch.eye(users, dtype=torch.bool, device=states.device), states[:, None],
                             next_states[:, None]).flatten(0, 1)
        without = self.training_utility(contexts.repeat_interleave(users, dim=0), stayed).reshape(-1, users)
        gain = 0.25 * (self.training_utility(contexts, next_states)[:, None] - without)
        return (gain.sign() * gain.abs().log1p()).clamp(-10, 10).float()

    def training_utility(self, contexts: Tensor, powers: Tensor) -> Tensor:
        """Return the utility with silent users credited ten times the floor: milder cliffs for learners only."""
        if self.parameters.utility == "rate":
            return self.utility(contexts, powers)
        revenue = physics.rates(contexts, powers).clamp_min(10 * physics.RATE_FLOOR).log().sum(dim=1)
        return physics.REVENUE * revenue - physics.POWER_PRICE * powers.double().sum(dim=1)

    # --- designs ---------------------------------------------------------------------------------------------------
    def admissible(self, designs: Tensor) -> Tensor:
        """Return whole levels within 0..40."""
        return self.uplink.admissible(designs)

    def utility(self, contexts: Tensor, designs: Tensor) -> Tensor:
        """Return the utility (B,) of powers (B, N); see `physics.utility`."""
        return self.uplink.utility(contexts, designs)

    def measure(self, contexts: Tensor, designs: Tensor) -> dict[str, Tensor]:
        """Return all labels; see `uplink.LABELS` for meaning and units."""
        return self.uplink.measure(contexts, designs)

    def per_entity(self, contexts: Tensor, designs: Tensor) -> dict[str, Tensor]:
        """Return each user's power and rate."""
        return {"power [level]": designs.double(), "rate [Mbit/s]": physics.rates(contexts, designs)}

    def entity_names(self, count: int) -> list[str]:
        """Return "user 1", "user 2", ..."""
        return [f"user {number + 1}" for number in range(count)]

    def reference_utility(self, contexts: Tensor) -> Tensor:
        """Return the better of the two rules that need no channel knowledge: full power and noise-limited power."""
        values = [self.utility(contexts, self.heuristics[name](contexts)) for name in heuristics.GAIN_BLIND]
        return torch.stack(values).amax(dim=0)

    def certify(self, contexts: Tensor, constraints: Sequence[Constraint] = ()) -> Certificate:
        """Return the exhaustive optimum for two users, the concave bound for log utility, else the best known."""
        return certify(self.uplink, contexts, constraints)

    def project(self, contexts: Tensor, designs: Tensor, constraints: Sequence[Constraint] = ()) -> Tensor:
        """Return whole levels that meet total_power<=, max_power<=, min_rate>= and min_sinr_db>= exactly, and every
        other bound wherever a local search finds levels that do.
        """
        return local_repair.project(self.uplink, contexts, designs, constraints).to(designs.dtype)

    def feasible(self, contexts: Tensor, constraints: Sequence[Constraint] = ()) -> Feasibility:
        """Return what is known about the request: decided by trying every design of two users, exactly by least powers
        where each constraint has a closed form, else by proofs and a search for a witness; see `feasibility`.
        """
        if self.parameters.users == 2:
            certificate = self.certify(contexts, constraints)
            return Feasibility(certificate.feasible, ~certificate.feasible, certificate.design)
        return feasibility(self.uplink, contexts, constraints)

    def _coordinate_ascent(self, contexts: Tensor) -> Tensor:
        start = heuristics.fractional_control(contexts, self.parameters.users)
        return heuristics.coordinate_ascent(contexts, start, self.parameters.utility)

    def picture(self, context: Tensor, path: Tensor, title: str = "") -> Figure:
        """Draw contours with the path for two users, powers and rates otherwise."""
        from aign.scenarios.power_allocation.picture import draw
        return draw(self.uplink, context, self.certify(context[None]), path, title)


def _closed_form(contexts: Tensor, rule: Callable[[Tensor, int], Tensor], users: int) -> Tensor:
    return rule(contexts, users)
