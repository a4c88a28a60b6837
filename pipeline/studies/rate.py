"""Rate utility at several base stations: does a generator find better optima, or the same ones sooner, than classics?

For each family of networks: collect trajectories of agents and simple rules, train the diffuser on them, then let
classics, agents and the diffuser answer the same requests on unseen contexts.

Axes: B contexts, K starting points or candidates, N users.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from aign.agents.settings import LEARNERS
from aign.designs.baselines import no_learning
from aign.designs.generation import generate
from aign.diffusion import store
from aign.engines.jobs import Report
from aign.scenarios.core.constraints import Constraint, parse, satisfied
from aign.scenarios.core.scenario import Scenario
from aign.scenarios.power_allocation.branch_and_bound import branch_and_bound
from aign.scenarios.power_allocation.multi_start import METHODS, Climb, best_of_starts, local_optima, starts_needed
from aign.scenarios.power_allocation.rate_problem import RateProblem
from aign.scenarios.power_allocation.requirements import feasible, requirements
from aign.stages.evaluate.methods import Method, policy
from aign.trajectories.contexts import ContextPool
from aign.trajectories.reader import TrajectoryStore
from studies import training
from studies.runs import Run, Task
from studies.settings import RateCase, RateSettings

STEPS = 6
TOLERANCES = (1e-6, 1e-3)
"""Relative distance from the best known at which a design counts as having reached it."""
WARMED = ("weighted_mmse", "gradient_ascent", "coordinate_ascent")
"""Local searches that are also started from generated designs."""
PROVEN_CONTEXTS = 8
FEW = 16
"""Contexts searched at once from many starting points: bounds memory."""


def collect(run: Run) -> None:
    """Collect the dataset of a case."""
    settings = run.params.studies.rate
    run.collect(settings.case(run.case).scenario, settings.collect)


def train(run: Run) -> None:
    """Train the diffuser of a case."""
    settings, data = run.params.studies.rate.train, run.folder("collect-rate", run.case) / "trajectories"
    run.compute([Task("set", settings.steps, training.diffuser,
                      {"datasets": [data], "settings": settings, "run": run.settings})], [data], training=True)


def compare(run: Run) -> None:
    """Let all methods answer the requests of a case, one task a request."""
    settings, case = run.params.studies.rate, run.params.studies.rate.case(run.case)
    collected, trained = (run.folder(stage, run.case) for stage in ("collect-rate", "train-rate"))
    common = {"dataset": collected / "trajectories", "agents": collected / "agents",
              "model": trained / "set" / training.MODEL, "seed": run.seed, "case": case,
              "settings": settings.model_copy(update={"cases": (case,)})}
    run.compute([Task(f"request-{number}", STEPS, answer, {**common, "constraints": list(constraints)})
                 for number, constraints in enumerate(case.constraints)], [collected, trained])


# --- one request ------------------------------------------------------------------------------------------------------

@dataclass
class Comparison:
    """What has been found so far: the `best` (B,) utility and `by` whom first; by method, the `utility` (B, K) of its
    single answers in the order they were made, -inf where infeasible, and the `milliseconds` a context for one answer.
    """

    scenario: Scenario[Any]
    contexts: Tensor
    constraints: tuple[Constraint, ...]
    problem: RateProblem
    best: Tensor
    by: list[str]
    utility: dict[str, Tensor] = field(default_factory=dict)
    milliseconds: dict[str, float] = field(default_factory=dict)
    designs: dict[str, Tensor] = field(default_factory=dict)

    def judge(self, designs: Tensor) -> Tensor:
        """Return the simulator's utility (B, K) of designs (B, K, N); -inf where a constraint is broken."""
        repeated, flat = self.contexts.repeat_interleave(designs.shape[1], dim=0), designs.flatten(0, 1).float()
        value: Tensor = self.scenario.utility(repeated, flat)
        allowed = satisfied(self.constraints, self.scenario.measure(repeated, flat), len(flat))
        return torch.where(allowed, value, -torch.inf).reshape(designs.shape[:2])

    def add(self, name: str, make: Callable[[], Tensor], extra: float = 0.0) -> Tensor:
        """Time a method that makes designs (B, K, N), judge them, and remember the best; `extra` are milliseconds that
        an answer cost before. Processor time, not the clock's: other tasks run beside this one.
        """
        began = time.process_time()
        designs = make()
        seconds = time.process_time() - began
        utility = self.judge(designs)
        self.utility[name], self.designs[name] = utility, designs
        self.milliseconds[name] = extra + 1000 * seconds / utility.numel()
        self.remember(name, utility.amax(dim=1))
        return designs

    def remember(self, name: str, utility: Tensor) -> None:
        """Take note of utilities (B,) above the best known."""
        better = utility > self.best + 1e-9 * self.best.abs().nan_to_num(posinf=0.0)
        self.by = [name if new else old for new, old in zip(better.tolist(), self.by, strict=True)]
        self.best = torch.maximum(self.best, utility)


def answer(report: Report, folder: Path, dataset: Path, agents: Path, model: Path, constraints: Sequence[str],
            seed: int, case: RateCase, settings: RateSettings) -> dict[str, Any]:
    """Answer one request with every method; return every figure, context by context."""
    comparison = prepare(dataset, constraints, settings)
    generator = torch.Generator().manual_seed(seed)
    search_best(comparison, comparison.problem.starts(settings.best_known_starts, generator))
    report(1)
    random = comparison.problem.starts(settings.starts, generator)
    for name, climb in METHODS.items():
        comparison.add(name, partial(climbed, comparison.problem, random, climb))
    report(2)
    cheap_answers(comparison, agents, settings)
    report(3)
    generated(comparison, model, settings, seed)
    report(4)
    summary = landscape(comparison)
    report(5)
    return {"users": case.users, "base_stations": case.base_stations, "gains": case.gains, "seed": seed,
            "constraints": list(constraints), "contexts": len(comparison.contexts),
            "best_known_starts": settings.best_known_starts,
            "best_known_by": {name: comparison.by.count(name) for name in sorted(set(comparison.by))},
            "best_known": comparison.best.tolist(), "landscape": summary, "proof": proof(comparison, settings),
            "starts_needed": needed(comparison), "milliseconds": comparison.milliseconds,
            "ratios": {name: ratio(comparison, utility) for name, utility in comparison.utility.items()}}


def climbed(problem: RateProblem, starts: Tensor, climb: Climb) -> Tensor:
    """Return the local optima (B, K, N) that a search reaches from starting points (B, K, N)."""
    return local_optima(problem, starts, climb)[0]


def prepare(dataset: Path, constraints: Sequence[str], settings: RateSettings) -> Comparison:
    """Open the test contexts that can meet the request."""
    scenario = TrajectoryStore.open(dataset, deep=False).scenario
    values = ContextPool.load(dataset / "contexts.safetensors", scenario)["test"].values
    parsed, users = parse(constraints, scenario.labels), scenario.agents
    needs = requirements(parsed, users)
    contexts = values[feasible(values, needs, users)[0]][:settings.contexts]
    lowest = torch.full((len(contexts),), -torch.inf, dtype=torch.float64)
    return Comparison(scenario, contexts, parsed, RateProblem.of(contexts, users, needs), lowest,
                      [""] * len(contexts))


def search_best(comparison: Comparison, starts: Tensor) -> None:
    """Search from very many starting points (B, K, N); no method's own answers, only the best known utility."""
    for name in ("gradient_ascent", "weighted_mmse"):
        parts = torch.arange(len(starts)).split(FEW)
        designs = torch.cat([best_of_starts(comparison.problem.take(rows), starts[rows], METHODS[name])
                             for rows in parts])
        comparison.remember(f"{name} from {starts.shape[1]} starts", comparison.judge(designs[:, None])[:, 0])


def cheap_answers(comparison: Comparison, agents: Path, settings: RateSettings) -> None:
    """Add the agents' policies, the simple rules, and evenly spaced designs without any learning."""
    scenario, contexts = comparison.scenario, comparison.contexts

    def projected(method: Method) -> Tensor:
        return scenario.project(contexts, method(contexts), comparison.constraints)[:, None]

    methods: dict[str, Method] = {kind: policy(scenario, agents, kind) for kind in LEARNERS}
    methods |= {f"rule: {name}": rule for name, rule in scenario.heuristics.items()}
    for name, method in methods.items():
        comparison.add(name, partial(projected, method))
    comparison.add("no learning", lambda: shuffled(no_learning(scenario, contexts, settings.starts,
                                                               comparison.constraints)))


def generated(comparison: Comparison, model: Path, settings: RateSettings, seed: int) -> None:
    """Add the diffuser alone, and local searches that start from its designs."""
    pipeline = store.load(model)
    # The first call of a process pays for what later ones find ready.
    generate(pipeline, comparison.contexts[:1], comparison.constraints, 1, settings.sampling, seed)

    def drawn(count: int, noise: int = seed) -> Tensor:
        return generate(pipeline, comparison.contexts, comparison.constraints, count, settings.sampling, noise).designs

    for count in settings.generated:
        comparison.add(f"diffuser {count}", partial(drawn, count))
    drafts = comparison.add("diffuser", lambda: shuffled(drawn(settings.starts, seed + 1)))
    # Weighted MMSE cannot leave zero power: start silent users low, as random starts do.
    starts = comparison.problem.within(drafts.double().clamp_min(0.01 * comparison.problem.needs.cap))
    for name in WARMED:
        begin_at = drafts.double() if name == "coordinate_ascent" else starts
        comparison.add(f"diffuser + {name}", partial(climbed, comparison.problem, begin_at, METHODS[name]),
                  extra=comparison.milliseconds["diffuser"])


def shuffled(designs: Tensor) -> Tensor:
    """Return ranked or ordered designs (B, K, N) in random order, so that the first k are a fair sample."""
    order = torch.randperm(designs.shape[1], generator=torch.Generator().manual_seed(0))
    return designs[:, order]


def ratio(comparison: Comparison, utility: Tensor) -> list[list[float]]:
    """Return utility / best known (B, K), 0 where a design breaks the request."""
    values = (utility / comparison.best[:, None]).nan_to_num(neginf=0.0).clamp_min(0.0)
    return [[round(value, 9) for value in row] for row in values.tolist()]


def needed(comparison: Comparison) -> dict[str, dict[str, dict[str, float]]]:
    """Return how many starts each multi-start method needs: mean over contexts (K + 1 where K do not do), and share."""
    return {name: {f"{tolerance:g}": {
                "mean": float(starts.double().mean()), "median": float(starts.double().median()),
                "reached": float((starts <= utility.shape[1]).double().mean())}
            for tolerance in TOLERANCES for starts in [starts_needed(utility, comparison.best, tolerance)]}
            for name, utility in comparison.utility.items()
            if utility.shape[1] > 1 and not name.removeprefix("diffuser ").isdigit()}


def landscape(comparison: Comparison) -> dict[str, float]:
    """Return how rugged the problem is: local optima random starts lead to, and what the best design looks like."""
    designs, utility = comparison.designs["gradient_ascent"], comparison.utility["gradient_ascent"]
    distinct = [len(torch.unique(row, dim=0)) for row in comparison.designs["coordinate_ascent"]]
    best = designs[torch.arange(len(designs)), utility.argmax(dim=1)]
    near = {name: (comparison.utility[name] >= (comparison.best * (1 - TOLERANCES[0]))[:, None]).double().mean()
            for name in METHODS}
    return {"distinct_local_optima_mean": sum(distinct) / len(distinct), "distinct_local_optima_most": max(distinct),
            **{f"share_of_{name}_starts_at_best": float(share) for name, share in near.items()},
            "silent_users_share": float((best == 0).double().mean()),
            "full_power_users_share": float((best == comparison.problem.needs.cap).double().mean())}


def proof(comparison: Comparison, settings: RateSettings) -> dict[str, float] | None:
    """Return on how many contexts branch and bound ends, and whether the best known is then the optimum."""
    if comparison.scenario.agents > settings.proof_users:
        return None
    rows = range(min(PROVEN_CONTEXTS, len(comparison.contexts)))
    began = time.process_time()
    searched = [branch_and_bound(comparison.problem.take(torch.tensor([row])), settings.proof_boxes) for row in rows]
    pairs = [(search.utility, float(comparison.best[row])) for row, search in zip(rows, searched, strict=True)
             if search.proven]
    return {"contexts": len(searched), "proven": len(pairs),
            "best_known_is_optimum": sum(best >= optimum * (1 - TOLERANCES[0]) for optimum, best in pairs),
            "seconds_mean": (time.process_time() - began) / len(searched)}
