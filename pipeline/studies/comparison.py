"""Tasks that compare: every method on the same unseen contexts of one seed, against the certificate.

Axes: B contexts, C context values, X design values.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import fmean
from typing import Any

from aign.agents.bcq import BCQPolicy
from aign.agents.policy import Policy
from aign.agents.rollout import rollout
from aign.agents.settings import LEARNERS
from aign.designs.settings import SamplingSettings
from aign.diffusion import store
from aign.engines.jobs import Report
from aign.scenarios.core.registry import create
from aign.scenarios.core.scenario import Scenario
from aign.scenarios.core.seeding import derived_seed
from aign.stages.evaluate import judge, methods, unseen
from aign.stages.evaluate.methods import Method
from aign.stages.evaluate.score import Score
from aign.trajectories.contexts import ContextPool, Contexts
from aign.trajectories.reader import TrajectoryStore
from studies.figures import interval

ROUNDED, CERTIFIED = "rounded_optimum", "certified_optimum"


def at_trained_size(report: Report, folder: Path, dataset: Path, agents: Path, unet: Path, sets: Path, bcq: Path,
                    gains: str, count: int, seed: int, candidates: int, sampling: SamplingSettings) -> dict[str, Any]:
    """Compare every method at a dataset's number of users, on general or on preset gains, on at most `count` contexts.

    `agents`, `unet` and `sets` are folders; `bcq` is the stem of the policy's files.
    """
    stored = TrajectoryStore.open(dataset, deep=False)
    scenario, contexts = stored.scenario, unseen(stored, count)
    if gains != scenario.spec()["gains"]:
        scenario = create(**{**scenario.spec(), "gains": gains})
        contexts = fresh(scenario, count, seed)
    entrants: dict[str, Method] = {kind: methods.policy(scenario, agents, kind) for kind in LEARNERS}
    entrants["bcq"] = q_policy(scenario, BCQPolicy.load(bcq))
    for kind, path in (("unet", unet), ("set", sets)):
        entrants |= generators(f"diffuser_{kind}", scenario, path, candidates, sampling, seed)
    entrants |= without_training(scenario, candidates)
    return compared(report, scenario, contexts, {**entrants, "best_training_design": methods.best_recorded(stored)})


def at_new_size(report: Report, folder: Path, users: int, count: int, seed: int, sets: Path,
                policies: Mapping[str, Path], candidates: int, sampling: SamplingSettings) -> dict[str, Any]:
    """Compare at a number of users nobody trained on: the set diffuser, shared policies, and what needs no training.

    `policies` are stems of files by the name each gets, such as sac_trained_on_20; `count` contexts are drawn here.
    """
    scenario = create(**{**store.load(sets).scenario.spec(), "users": users})
    entrants = generators("diffuser_set", scenario, sets, candidates, sampling, seed)
    for name, path in policies.items():
        entrants[name] = q_policy(scenario, BCQPolicy.load(path)) if name.startswith("bcq") else \
            methods.policy(scenario, path.parent, path.name)
    entrants |= without_training(scenario, candidates)
    return compared(report, scenario, fresh(scenario, count, seed), entrants)


def fresh(scenario: Scenario[Any], count: int, seed: int) -> Contexts:
    """Draw and certify contexts that no dataset holds: from a stream of their own."""
    return ContextPool.draw(scenario, {"test": count}, derived_seed(seed, "study", str(scenario.spec())))["test"]


def generators(name: str, scenario: Scenario[Any], model: Path, candidates: int, sampling: SamplingSettings,
               seed: int) -> dict[str, Method]:
    """Return a diffuser's single design and its best of many as methods, at the scenario's number of users."""
    pipeline = store.load(model)
    if pipeline.scenario.spec()["users"] != scenario.spec()["users"]:
        pipeline = pipeline.at(create(**{**pipeline.scenario.spec(), "users": scenario.spec()["users"]}))
    return {f"{name}_single": methods.diffuser(pipeline, 1, sampling, seed),
            f"{name}_best_of_{candidates}": methods.diffuser(pipeline, candidates, sampling, seed)}


def without_training(scenario: Scenario[Any], candidates: int) -> dict[str, Method]:
    """Return the methods that need no training: heuristics, even designs, the certificate's own design."""
    return {**scenario.heuristics, f"no_learning_best_of_{candidates}": methods.without_learning(scenario, candidates),
            ROUNDED: lambda contexts: scenario.certify(contexts).design}


def q_policy(scenario: Scenario[Any], policy: Policy) -> Method:
    """Return batch-constrained Q-learning as a method: the design it has reached at the horizon, acting greedily."""
    return lambda contexts: scenario.design_of(rollout(scenario, contexts, policy.in_scenario(scenario),
                                                       scenario.initial_state(contexts)).final)


def compared(report: Report, scenario: Scenario[Any], contexts: Contexts,
             entrants: Mapping[str, Method]) -> dict[str, Any]:
    """Return every method's figures on these contexts, and what the certificate says."""
    figures: dict[str, Any] = {}
    for done, (name, method) in enumerate(entrants.items(), start=1):
        figures[name] = described(judge(scenario, contexts, method))
        report(done)
    figures[CERTIFIED] = described(Score(contexts, contexts.optimum, figures[ROUNDED]["milliseconds_per_design"]))
    certificate = scenario.certify(contexts.values[:1])
    return {"methods": figures, "contexts": len(contexts), "certificate": str(certificate.kind),
            "statement": certificate.statement, "scenario": scenario.spec()}


def described(score: Score) -> dict[str, Any]:
    """Return one method's figures as JSON values."""
    return {**score.timed(), "utility": float(score.utility.mean())}


def over_seeds(figures: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return what a method's figures, one mapping a seed, are together: means with intervals."""
    return {"seeds": len(figures), "utility": fmean(values["utility"] for values in figures),
            **{name: interval([values[name]["mean"] for values in figures])
               for name in ("utility_ratio", "normalised_return_pooled")}}
