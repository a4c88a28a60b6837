"""Rate utility at several base stations: does a generator find better optima, or the same ones sooner, than classics?

For each family of networks: collect trajectories of agents and simple rules, train the diffuser on them, then let
classics, agents and the diffuser answer the same requests on unseen contexts.

Axes: B contexts, K starting points or candidates, N users.
"""

from __future__ import annotations

from collections.abc import Sequence
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
from aign.scenarios.core.constraints import parse
from aign.scenarios.power_allocation.multi_start import METHODS, Climb, best_of_starts, local_optima
from aign.scenarios.power_allocation.rate_problem import RateProblem
from aign.scenarios.power_allocation.requirements import feasible, requirements
from aign.stages.evaluate.methods import Method, policy
from aign.trajectories.contexts import ContextPool
from aign.trajectories.reader import TrajectoryStore
from studies import training
from studies.rate_answers import Comparison, landscape, needed, proof, ratio
from studies.runs import Run, Task
from studies.settings import RateCase, RateSettings

STEPS = 6
WARMED = ("weighted_mmse", "gradient_ascent", "coordinate_ascent")
"""Local searches that are also started from generated designs."""
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
        """Return a method's designs (B, 1, N), made to meet the constraints."""
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
        """Return designs (B, count, N) of the diffuser, ranked."""
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
