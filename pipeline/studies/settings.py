"""Every number of the studies, with bounds and reasons; seeds and sizes stand in dvc.yaml, whose stages run them.

Light to import: no torch here.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from aign.agents.settings import BCQSettings, CollectSettings, Kind, PPOSettings, SACSettings, SourceSettings
from aign.designs.settings import SamplingSettings
from aign.diffusion.settings import NetworkSettings, TrainSettings
from aign.errors import ParameterError, unknown_name
from aign.settings import Positive, Settings

Users = Annotated[int, Field(ge=2, le=100)]


def _exploring(contexts: int, demonstrations: int, sac: tuple[int, int], ppo: tuple[int, int]) -> CollectSettings:
    """Return how a dataset is collected: training contexts, solver-guided demonstrations, and the agents' (environment
    steps, networks). All are fewer for more users: a step then has more users to learn from, and a certificate costs
    more.
    """
    return CollectSettings(
        train_contexts=contexts, sources=SourceSettings(random=1_000, heuristics=2_000, solver_guided=demonstrations),
        sac=SACSettings(environment_steps=sac[0], networks=sac[1]),
        ppo=PPOSettings(environment_steps=ppo[0], networks=ppo[1]))


class TablesSettings(Settings):
    """Tables I and II of the AIGN paper: every method at every number of users, over seeds."""

    sizes: dict[Users, CollectSettings] = Field(min_length=1, default={
        20: _exploring(8_000, 8_000, sac=(15_360, 16), ppo=(51_200, 64)),
        50: _exploring(4_000, 5_000, sac=(10_240, 8), ppo=(30_720, 24)),
        80: _exploring(2_000, 3_000, sac=(6_144, 4), ppo=(30_720, 16)),
    })
    """How the dataset of each number of users is collected; those of the paper."""
    contexts: Annotated[int, Field(ge=2)] = 256
    """Unseen contexts behind every figure, for each seed, number of users and kind of gains."""
    candidates: Annotated[int, Field(ge=2)] = 16
    """Designs generated for each context where the best one counts."""
    sampling: SamplingSettings = SamplingSettings(steps=2, temperature=0.7)
    """On validation contexts (seed 0) two steps stay within 0.0004 of the pooled return of ten with half the noise, for
    both networks at 20, 50 and 80 users, in a fifth of the time; all of the noise is then worse for single designs.
    """
    unet: TrainSettings = TrainSettings(network=NetworkSettings(channels=48, embedding=512), stride=4, steps=2_000)
    """The temporal U-Net, one model for each number of users."""
    set_diffuser: TrainSettings = TrainSettings(
        network=NetworkSettings(kind="set", channels=64, embedding=128), stride=4, steps=2_400, learning_rate=2e-3,
        evaluate_every=400)
    """The network over users as a set, one model for all numbers of users."""

    bcq: BCQSettings = BCQSettings()
    """Batch-constrained Q-learning, one policy for each number of users."""

    def collecting(self, users: int) -> CollectSettings:
        """Return how the dataset of a number of users is collected; ParameterError where there is no such number."""
        if users not in self.sizes:
            raise ParameterError(f"studies.tables.sizes: {users} users are not among them; there are "
                                 f"{', '.join(map(str, self.sizes))}.")
        return self.sizes[users]


class RequestCounts(Settings):
    """How many requests a family has, for each seed."""

    single: Positive = 77
    pair: Positive = 54
    triple: Positive = 24
    held_out_pair: Positive = 14
    """Pairs of labels that training never showed together."""
    infeasible: Positive = 34
    """Requests that no design can meet."""


class RetrainingSettings(Settings):
    """Agents trained anew for one request: what a generator saves."""

    requests: Positive = 3
    """For each seed."""
    penalty: Annotated[float, Field(gt=0)] = 200.0
    """Utility lost for each constraint broken by its whole threshold: 1 % costs 2, about 1 % of the utility."""
    sac: SACSettings = SACSettings(environment_steps=4_096, networks=16)
    ppo: PPOSettings = PPOSettings(environment_steps=16_384, networks=64)


class ConstraintsSettings(Settings):
    """Requests whose constraints combine, on contexts never seen in training."""

    users: Users = 20
    collect: CollectSettings = CollectSettings(
        train_contexts=8_000,
        sources=SourceSettings(random=500, heuristics=3_000, solver_guided=12_000, label_guided=10_000, snapshots=4),
        sac=SACSettings(environment_steps=7_680), ppo=PPOSettings(environment_steps=25_600))
    """Guided demonstrations dominate: reshaped optima, and designs that trade utility for labels, cover what requests
    may ask for."""
    train: TrainSettings = TrainSettings(network=NetworkSettings(kind="set", channels=64, embedding=128), stride=4,
                                         steps=10_000, learning_rate=2e-3, evaluate_every=2_000, label_dropout=0.4)
    """The model of the final figures. Training conditions on labels more often than for models that mostly answer free
    requests, and is long: what several labels ask for together is learned late."""
    unet: NetworkSettings = NetworkSettings(channels=32, embedding=104)
    """The temporal U-Net of about as many parameters as the set network."""
    variant_steps: Positive = 900
    """Gradient steps of each model that is compared with others; fewer, because there are many."""
    requests: RequestCounts = RequestCounts()
    """Requests on test contexts."""
    control_requests: Positive = 14
    """Requests of each family, at most and for each seed, that controls answer; the convex solver answers all."""
    choice_requests: Positive = 12
    """Requests of each family, on validation contexts and for each seed, that decide between models and ways of
    sampling."""
    candidates: Annotated[int, Field(ge=2)] = 16
    """Designs of an answer."""
    guidance: Annotated[tuple[Annotated[float, Field(ge=0, le=10)], ...], Field(min_length=1)] = (1.0, 1.5, 2.0)
    """Weights of guidance on the constraints that are compared; composition per condition takes part as well."""
    target_returns: Annotated[tuple[tuple[float, ...], ...], Field(min_length=1)] = (
        (0.98, 0.9, 0.998, 0.95, 0.7, 0.99, 0.8, 0.4),
        (0.98, 0.9, 0.7, 0.4, 0.0, -0.4, -0.8, -1.0),
        (0.95,),
    )
    """Target returns that are compared, each cycled over the candidates. Tight constraints press the best possible
    design below the cheap unconstrained reference, whose return is 0."""
    margins: Annotated[tuple[tuple[float, ...], ...], Field(min_length=1)] = (
        (0.0,), (0.0, 0.05, 0.1, 0.2, 0.3), (0.05, 0.1, 0.2, 0.35, 0.6), (0.1, 0.2, 0.4, 0.7, 1.0))
    """Tightenings of the thresholds told to the network, in scores of the label, that are compared; each is cycled."""
    least_ratio: Annotated[float, Field(ge=0, le=1)] = 0.998
    """What wins must keep this mean utility ratio, as long as anything does."""
    retraining: RetrainingSettings = RetrainingSettings()


class RateCase(Settings):
    """One family of networks with rate utility, and the requests it is asked."""

    base_stations: Annotated[int, Field(ge=1, le=8)]
    users: Users
    gains: Literal["preset", "general", "strong"]
    constraints: Annotated[tuple[tuple[str, ...], ...], Field(min_length=1)] = ((),)
    """Requests, each a set of constraints; contexts that cannot meet one are left out of it."""

    @property
    def name(self) -> str:
        """Base stations x users, and the gains where they are not the usual ones, such as 4x20-strong."""
        return f"{self.base_stations}x{self.users}" + (f"-{self.gains}" if self.gains != "general" else "")

    @property
    def scenario(self) -> dict[str, str | int]:
        """The network family by name and parameters."""
        return {"name": "power-allocation", "users": self.users, "base_stations": self.base_stations,
                "gains": self.gains, "utility": "rate"}


class RateSettings(Settings):
    """Rate utility at several base stations, where no certificate is known."""

    cases: Annotated[tuple[RateCase, ...], Field(min_length=1)] = (
        RateCase(base_stations=4, users=20, gains="general", constraints=((), ("total_power<=400", "min_rate>=1"))),
        RateCase(base_stations=2, users=10, gains="strong",
                 constraints=((), ("total_power<=60",), ("total_power<=200", "min_rate>=1"))),
        RateCase(base_stations=4, users=20, gains="strong", constraints=((), ("total_power<=100",))),
        RateCase(base_stations=4, users=50, gains="strong"),
    )
    """At the calibrated gains coordinate ascent finds one local optimum only; strong gains make many."""
    collect: CollectSettings = CollectSettings(
        train_contexts=1_500, validation_contexts=64, test_contexts=64,
        sources=SourceSettings(random=500, heuristics=2_500, solver_guided=0, snapshots=6, snapshot_episodes=500),
        sac=SACSettings(environment_steps=4_096, networks=16), ppo=PPOSettings(environment_steps=20_480, networks=32))
    """Agents and simple rules only: no demonstrations of solutions, so that the generator has no better teacher."""
    train: TrainSettings = TrainSettings(network=NetworkSettings(kind="set", depth=3, embedding=128), stride=4,
                                         batch_size=64, steps=1_500, learning_rate=2e-3)
    sampling: SamplingSettings = SamplingSettings()
    contexts: Annotated[int, Field(ge=2)] = 24
    """Unseen contexts of each request, at most."""
    best_known_starts: Positive = 1_024
    """Random starting points of projected gradient, and as many of weighted MMSE, behind the best known design."""
    starts: Positive = 64
    """Random starting points of each compared method, and generated ones of each warm start."""
    generated: Annotated[tuple[Positive, ...], Field(min_length=1)] = (1, 4, 16, 64, 256)
    """Designs the diffuser generates when it answers alone."""
    proof_users: Users = 10
    """Branch and bound is tried on networks of at most so many users."""
    proof_boxes: Positive = 150_000
    """Boxes after which it gives up on a network."""

    def case(self, name: str) -> RateCase:
        """Return the case of a name; ParameterError where there is none."""
        cases = {case.name: case for case in self.cases}
        if name not in cases:
            raise ParameterError(f"studies.rate.cases: {unknown_name('case', name, cases)}")
        return cases[name]


class BiasSettings(Settings):
    """Biased and small parts of one dataset."""

    users: Users = 20
    """One of the sizes of `studies.tables`, whose datasets are learned from."""
    contexts: Annotated[int, Field(ge=2)] = 128
    """Unseen contexts behind every figure, for each seed."""
    candidates: Annotated[int, Field(ge=2)] = 16
    """Designs generated for each context where the best one counts."""
    sampling: SamplingSettings = SamplingSettings()
    diffuser: TrainSettings = TrainSettings(
        network=NetworkSettings(kind="set", channels=32), stride=4, steps=800, batch_size=64, learning_rate=2e-3,
        warmup=50, evaluate_every=800, checkpoint_every=800)
    """Small and short, because there are many. Evaluated once, at the end, so that no model is chosen by simulation.
    A batch is every fourth state of 64 episodes."""
    bcq: BCQSettings = BCQSettings(gradient_steps=800, transitions=1_000_000, curve_points=1)
    """As many gradient steps as the diffuser; a batch is 1 024 transitions of single users."""


class AgentsSettings(Settings):
    """Diffusion policies against others; how an agent learns stands in its variant's block `collect`."""

    variants: dict[str, Annotated[tuple[Kind, ...], Field(min_length=1)]] = Field(default_factory=dict)
    """Which agents are compared in which variants of params.yaml."""
    contexts: Annotated[int, Field(ge=2)] = 256
    """Unseen contexts, at most, behind every figure."""
    curve_points: Positive = 8
    """Points of a learning curve."""


class StudySettings(Settings):
    """Block `studies` of params.yaml."""

    tables: TablesSettings = TablesSettings()
    constraints: ConstraintsSettings = ConstraintsSettings()
    rate: RateSettings = RateSettings()
    bias: BiasSettings = BiasSettings()
    agents: AgentsSettings = AgentsSettings()
