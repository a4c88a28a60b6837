"""Stage evaluate: every method on the same unseen contexts, against the certified optimum.

Axes: B contexts.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from aign.agents.settings import Kind
from aign.designs.answer import Answer, answer
from aign.designs.requests import Request
from aign.designs.settings import EvaluateSettings, SampleSettings, SamplingSettings
from aign.diffusion import device, store
from aign.diffusion.model import DesignModel
from aign.diffusion.strategies import strategy_of
from aign.engines import messages
from aign.engines.progress import Progress, counted
from aign.errors import DatasetError, ModelError
from aign.files.writing import building, read_json, write_json
from aign.params import Params
from aign.scenarios.core.returns import degenerate_contexts
from aign.scenarios.core.scenario import Scenario, finite_or_none
from aign.stages.evaluate import methods, report, satisfaction, steps
from aign.stages.evaluate.methods import Method
from aign.stages.evaluate.satisfaction import Satisfaction
from aign.stages.evaluate.score import Score
from aign.stages.folders import AGENTS, MODELS, REPORTS, TRAJECTORIES, ablation
from aign.trajectories.contexts import CONTEXTS, ContextPool, Contexts
from aign.trajectories.reader import TrajectoryStore

LEAST_CONTEXTS = 2


def evaluate(variant: str, params: Params) -> None:
    """Make data/reports/<variant>/: metrics.json, a page, plots and the data behind them.

    Raises:
        ModelError, DatasetError: a model or dataset is missing or damaged.
    """
    settings, run = params.variant(variant), params.base
    title, dataset = f"evaluate {variant}", TRAJECTORIES / variant
    torch.set_num_threads(run.threads)
    trusted = settings.scenario.spec
    stored = TrajectoryStore.open(dataset, trust_code=trusted)
    pipeline = store.load(MODELS / variant, trusted).to(device.choose(run.device))
    settings.check_same(stored.scenario, dataset)
    settings.check_same(pipeline.scenario, MODELS / variant)
    messages.read(title, dataset)
    messages.read(title, MODELS / variant)
    contexts = unseen(stored, settings.evaluate.contexts)
    candidates = competitors(variant, settings.collect.agents, stored, pipeline, settings.evaluate,
                             settings.sample.sampling, run.seed)
    scores = compare(stored.scenario, contexts, candidates, title)
    example = shown_answer(pipeline, settings.sample, run.seed)
    few = settings.evaluate.constrained_contexts if pipeline.strategy.online else None
    certificate = stored.scenario.certify(contexts.values[:few])
    outcomes = constrained(pipeline, contexts.values, certificate.design, settings.evaluate, settings.sample, title,
                           run.seed)
    by_steps = steps.curve(pipeline, contexts_of(stored)["validation"], settings.evaluate, settings.sample.sampling,
                           run.seed, title)
    figures = {name: score.to_json() for name, score in scores.items()}
    metrics = {
        "scenario": stored.scenario.spec(), "contexts": len(contexts), "split": contexts.split,
        "degenerate_contexts": degenerate_contexts(contexts.reference, contexts.optimum),
        "certificate": str(certificate.kind), "certificate_statement": certificate.statement,
        "trained_on": methods.trained_on(stored.scenario, {name: settings.collect.of(name)
                                                           for name in settings.collect.agents}),
        "methods": figures,
        "task_completion": satisfaction.completion_summary(
            figures, ["diffuser_single", f"diffuser_best_of_{settings.evaluate.candidates}"]),
        "constraint_satisfaction": satisfaction.satisfaction_summary(outcomes),
        "denoising_steps": by_steps,
        **preset_result(example),
    }
    curves = {"agents": read_json(AGENTS / variant / "curves.json", DatasetError),
              "diffuser": read_json(MODELS / variant / "history.json", ModelError)}
    with building(REPORTS / variant) as folder:
        write_json(folder / "metrics.json", metrics)
        report.write(folder, variant, metrics, scores, curves, example)
    messages.made(title, REPORTS / variant)
    tell(title, metrics["constraint_satisfaction"]["all"], scores)


def tell(title: str, met: Mapping[str, Any], scores: Mapping[str, Score]) -> None:
    """Print how many requests were met, and how good every method is."""
    messages.measured(title, feasible_requests=met["feasible"],
                      **{name: satisfaction.percentage(met[name]) for name in ("raw", "returned")})
    for name, score in scores.items():
        ratio = {} if score.ratio is None else {"utility_ratio": float(score.ratio.mean())}
        messages.measured(title, method=name, pooled_return=score.mean, **ratio,
                         milliseconds=score.milliseconds)


def contexts_of(stored: TrajectoryStore) -> ContextPool:
    """Return all contexts of a dataset."""
    return ContextPool.load(stored.folder / CONTEXTS, stored.scenario)


def unseen(stored: TrajectoryStore, count: int) -> Contexts:
    """Return up to `count` test contexts with their certified optima.

    Raises:
        DatasetError: the dataset has too few for a confidence interval.
    """
    test = contexts_of(stored)["test"]
    if len(test) < LEAST_CONTEXTS:
        raise DatasetError(f"{stored.folder}: {len(test)} test context; an interval needs at least {LEAST_CONTEXTS}. "
                           "Raise collect.test_contexts and collect again.")
    return test.take(torch.arange(min(count, len(test))))


def competitors(variant: str, agents: Sequence[Kind], stored: TrajectoryStore, pipeline: DesignModel,
                settings: EvaluateSettings, sampling: SamplingSettings, seed: int) -> dict[str, Method]:
    """Return every method by the name it has in metrics.json.

    Where designs do not transfer, the designs without learning are the scenario's rules, and recorded ones answer other
    events. Where the scenario masks actions, the generator is also judged without the mask, and chance with it: that
    tells how much the mask alone is worth.
    """
    scenario, count = stored.scenario, settings.candidates
    by_name: dict[str, Method] = {
        "diffuser_single": methods.diffuser(pipeline, 1, sampling, seed),
        f"diffuser_best_of_{count}": methods.diffuser(pipeline, count, sampling, seed),
    }
    single = ablation(agents)
    of_one = store.load(MODELS / f"{variant}-{single}", pipeline.scenario.spec()).to(pipeline.device)
    by_name[f"diffuser_best_of_{count}_{single.replace('-', '_')}"] = methods.diffuser(of_one, count, sampling, seed)
    by_name |= {name: methods.policy(scenario, AGENTS / variant, name) for name in agents}
    if methods.masks_actions(scenario):
        by_name["diffuser_single_unguarded"] = methods.diffuser(
            pipeline, 1, sampling.model_copy(update={"mask_actions": False}), seed)
        by_name["random_guarded"] = methods.guarded_chance(scenario, seed)
    if scenario.designs_transfer:
        by_name[f"no_learning_best_of_{count}"] = methods.without_learning(scenario, count)
        by_name["best_training_trajectory"] = methods.best_recorded(stored)
    return {**by_name, **scenario.heuristics}


def compare(scenario: Scenario[Any], contexts: Contexts, candidates: Mapping[str, Method],
            title: str) -> dict[str, Score]:
    """Let every method design for all contexts; measure quality, and time over the whole batch."""
    scores = {}
    with Progress(title) as progress:
        for name in candidates:
            progress.add(name, len(contexts))
        for name, method in candidates.items():
            progress.update(name, 0)
            scores[name] = judge(scenario, contexts, method)
            progress.update(name, len(contexts))
    return scores


def constrained(pipeline: DesignModel, contexts: Tensor, certified: Tensor, settings: EvaluateSettings,
                sample: SampleSettings, title: str, seed: int) -> list[Satisfaction]:
    """Ask the generator for designs under constraints: those derived for contexts (B, C) from their certified designs
    (B, X), and those of params.yaml.
    """
    requests = [*satisfaction.derived_requests(pipeline.scenario, contexts, certified, settings),
                *satisfaction.stated_requests(pipeline.scenario, sample.requests)]
    outcomes: list[Satisfaction] = []
    with counted(title, "constrained requests") as progress:
        for request in requests:
            progress(len(outcomes), len(requests))
            outcomes.append(satisfaction.satisfy(pipeline, request, sample.sampling, seed))
    return outcomes


def judge(scenario: Scenario[Any], contexts: Contexts, method: Method) -> Score:
    """Let one method design for all contexts; measure quality, and time over the whole batch."""
    began = time.perf_counter()
    designs = method(contexts.values)
    seconds = time.perf_counter() - began
    utility = scenario.utility(contexts.values, designs)
    return Score(contexts, utility, 1000 * seconds / len(contexts), strategy_of(scenario).online)


def shown_answer(pipeline: DesignModel, settings: SampleSettings, seed: int) -> Answer:
    """Return the answer the report shows: to the first request of the stage sample."""
    return answer(pipeline, Request.of(settings.requests[0]).resolve(pipeline.scenario), settings.sampling, seed)


def preset_result(example: Answer) -> dict[str, Any]:
    """Return what the report says of a preset: the best design and its path; nothing without a preset."""
    if example.request.preset is None:
        return {}
    best, path = example.rows()[0], example.candidates.paths[0, 0]
    walked = {"path": [whole(state) for state in best["path"]]} if "path" in best else {}
    return {"preset": {"name": example.request.preset, "design": whole(best["design"]),
                       "start": whole(path[0].tolist()), "utility": best["utility"],
                       "certified_utility": finite_or_none(example.optimum),
                       "certified_by": str(example.certificate.kind),
                       "certified_design": whole(example.certificate.design[0].tolist()), **walked}}


def whole(values: list[float]) -> list[float]:
    """Return values with whole numbers as integers, for readers."""
    return [int(value) if float(value).is_integer() else value for value in values]
