"""Cells that compare: every method on the same unseen contexts of one repetition, against the certificate.

Axes: B contexts, C context values, X design values.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import Tensor

from aign.agents.bcq import BCQPolicy
from aign.agents.rollout import rollout
from aign.agents.settings import LEARNERS
from aign.designs.settings import SamplingSettings
from aign.diffusion import store
from aign.engines.jobs import Report
from aign.scenarios.core.exploration import Act
from aign.scenarios.core.registry import create
from aign.scenarios.core.scenario import Scenario
from aign.scenarios.core.seeding import derived_seed
from aign.stages.evaluate import judge, methods, unseen
from aign.stages.evaluate.methods import Method
from aign.stages.evaluate.score import Score
from aign.studies.cells import begin, finish
from aign.trajectories.contexts import ContextPool, Contexts
from aign.trajectories.reader import TrajectoryStore

ROUNDED, CERTIFIED = "rounded_optimum", "certified_optimum"


@dataclass(frozen=True)
class Entrants:
    """Where what was trained lies.

    Attributes:
        agents: folder of the agents.
        unet, sets, bcq: models, by folder or stem.
        digests: what identifies the content of all of them, and of the dataset.
        candidates: designs generated where the best one counts.
        sampling: how designs are generated.
    """

    agents: Path
    unet: Path
    sets: Path
    bcq: Path
    digests: Mapping[str, str]
    candidates: int
    sampling: SamplingSettings


def table_cell(report: Report, folder: Path, dataset: Path, gains: str, count: int, seed: int,
               **entrants: Any) -> None:
    """Compare every method at the dataset's number of users, on general or on preset gains."""
    begin(folder)
    stored, given = TrajectoryStore.open(dataset, deep=False), Entrants(**entrants)
    scenario, contexts = stored.scenario, unseen(stored, count)
    if gains != scenario.spec()["gains"]:
        scenario = create(**{**scenario.spec(), "gains": gains})
        contexts = fresh(scenario, count, seed)
    found = {**learned(scenario, given, seed), **plain(scenario, given.candidates),
             "best_training_design": methods.memory(stored)}
    finish(folder, **compared(report, scenario, contexts, found))


def transfer_cell(report: Report, folder: Path, users: int, count: int, seed: int, sets: Path,
                  policies: Mapping[str, Path], digests: Mapping[str, str], candidates: int,
                  sampling: SamplingSettings) -> None:
    """Compare at a number of users nobody trained on: the set diffuser, shared policies, and what needs no training.

    Args:
        report: is told how many methods are done.
        folder: of the cell.
        users: the number of users.
        count: contexts, drawn and certified here.
        seed: of contexts and sampling.
        sets: the set diffuser's folder.
        policies: learned policies by the name they get, such as sac_trained_on_20: stems of their files.
        digests: what identifies the content behind the paths.
        candidates: designs generated where the best one counts.
        sampling: how designs are generated.
    """
    begin(folder)
    pipeline = store.load(sets)
    scenario = create(**{**pipeline.scenario.spec(), "users": users})
    there = pipeline.at(scenario)
    found: dict[str, Method] = {
        "diffuser_set_single": methods.diffuser(there, 1, sampling, seed),
        f"diffuser_set_best_of_{candidates}": methods.diffuser(there, candidates, sampling, seed)}
    for name, path in policies.items():
        found[name] = q_policy(scenario, path) if name.startswith("bcq") else methods.policy(scenario, path.parent,
                                                                                          path.name)
    found |= plain(scenario, candidates)
    finish(folder, **compared(report, scenario, fresh(scenario, count, seed), found))


def fresh(scenario: Scenario[Any], count: int, seed: int) -> Contexts:
    """Draw and certify contexts that no dataset holds: from a stream of their own."""
    own = derived_seed(seed, "study", str(scenario.spec()))
    return ContextPool.draw(scenario, {"test": count}, own)["test"]


def learned(scenario: Scenario[Any], given: Entrants, seed: int) -> dict[str, Method]:
    """Return the methods that were trained, by the name they have in the tables."""
    found: dict[str, Method] = {name: methods.policy(scenario, given.agents, name) for name in LEARNERS}
    found["bcq"] = q_policy(scenario, given.bcq)
    users = scenario.spec()["users"]
    for kind, path in (("unet", given.unet), ("set", given.sets)):
        pipeline = store.load(path)
        if pipeline.scenario.spec()["users"] != users:
            pipeline = pipeline.at(create(**{**pipeline.scenario.spec(), "users": users}))
        found[f"diffuser_{kind}_single"] = methods.diffuser(pipeline, 1, given.sampling, seed)
        found[f"diffuser_{kind}_best_of_{given.candidates}"] = methods.diffuser(pipeline, given.candidates,
                                                                               given.sampling, seed)
    return found


def plain(scenario: Scenario[Any], candidates: int) -> dict[str, Method]:
    """Return the methods that need no training: heuristics, even designs, the certificate's own design."""
    return {**scenario.heuristics, f"no_learning_best_of_{candidates}": methods.without_learning(scenario, candidates),
            ROUNDED: lambda contexts: scenario.certify(contexts).design}


def q_policy(scenario: Scenario[Any], path: Path) -> Method:
    """Return a stored batch-constrained Q-learning policy, acting greedily from the usual start."""
    policy = BCQPolicy.load(path)
    return acting(scenario, lambda contexts, states, time: policy.act(scenario, contexts, states, time))


def acting(scenario: Scenario[Any], act: Act) -> Method:
    """Return a policy as a method: the design it has reached at the horizon."""
    def design(contexts: Tensor) -> Tensor:
        return scenario.design_of(rollout(scenario, contexts, act, scenario.initial_state(contexts)).final)
    return design


def compared(report: Report, scenario: Scenario[Any], contexts: Contexts,
             found: Mapping[str, Method]) -> dict[str, Any]:
    """Return every method's figures on these contexts, and what the certificate says."""
    figures: dict[str, Any] = {}
    for done, (name, method) in enumerate(found.items(), start=1):
        figures[name] = described(judge(scenario, contexts, method))
        report(done)
    figures[CERTIFIED] = described(Score(contexts, contexts.optimum, figures[ROUNDED]["milliseconds_per_design"]))
    certificate = scenario.certify(contexts.values[:1])
    return {"methods": figures, "contexts": len(contexts), "certificate": str(certificate.kind),
            "statement": certificate.statement, "scenario": scenario.spec()}


def described(score: Score) -> dict[str, Any]:
    """Return one method's figures as JSON values."""
    return {**score.timed(), "utility": float(score.utility.mean())}
