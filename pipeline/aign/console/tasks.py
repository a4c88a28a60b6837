"""What the worker can do. Each task takes the models, whom to tell of progress, and JSON values; it returns such.

No task keeps anything between two calls but opened models, so a worker that was killed loses nothing but time.
"""

from __future__ import annotations

import base64
import io
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import torch

from aign import intents
from aign.console import accept, answers
from aign.console.models import Models, catalogue
from aign.console.sentences import confirmed, reading_of
from aign.designs import impact as impacts
from aign.designs.answer import Answer, answer
from aign.designs.explanation import explain
from aign.designs.generation import generate
from aign.designs.requests import Request
from aign.designs.settings import SamplingSettings
from aign.scenarios.core.constraints import parse
from aign.scenarios.core.failed_parts import without
from aign.scenarios.core.remembered import certificate_of

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Tell = Callable[[str], None]
LARGEST_SVG = 400_000
"""Characters; a browser is slow with more."""
LIVE_DESIGNS, LIVE_STEPS = 2, 2
"""Designs, and denoising steps of each decision, of live designs that are episodes."""
DOTS = 110
"""An inch, of pictures in pixels."""


def networks(models: Models, tell: Tell) -> dict[str, Any]:
    """Return which networks there are; see `catalogue`."""
    return catalogue(models)


def read(models: Models, tell: Tell, text: str, network: str, request: Mapping[str, Any], seed: int) -> dict[str, Any]:
    """Return what a sentence asks for, of the network that it clearly is about, else of the one given."""
    meant = intents.choose(text, models.usable()).name or network
    scenario = models.scenario(meant)
    before = request if meant == network else {}
    reading = intents.read(text, scenario, before.get("start") is not None)
    if reading.request is None:
        reading = intents.assisted(reading, scenario)  # by a language model, where the operator has named one
    return {"network": meant, **reading_of(reading, scenario, before, seed)}


def refine(models: Models, tell: Tell, text: str, network: str, request: Mapping[str, Any],
           seed: int) -> dict[str, Any]:
    """Return the request as a sentence changes it."""
    scenario = models.scenario(network)
    reading = intents.refine(Request(**{**request, "seed": seed}), text, scenario)
    return {"network": network, **reading_of(reading, scenario, request, seed)}


def confirm(models: Models, tell: Tell, network: str, request: Mapping[str, Any], seed: int) -> dict[str, str]:
    """Return a request in words, and the command that asks for the same."""
    return confirmed(request, models.scenario(network), seed)


def reply(models: Models, tell: Tell, text: str, network: str, request: Mapping[str, Any], seed: int) -> dict[str, Any]:
    """Return what there is to say to a question about the answer to a request."""
    said = intents.reply(_answered(models, network, request, seed), text)
    return {"sentences": list(said.sentences), "understood": said.understood}


def design(models: Models, tell: Tell, network: str, request: Mapping[str, Any], seed: int) -> dict[str, Any]:
    """Return the answer to a request, as the page shows it, and apart from it the path to each design."""
    tell(f"opens the model {network}")
    digest = models.open(network).digest
    tell("generates, verifies and certifies designs")
    answered = _answered(models, network, request, seed)
    tell("explains")
    whole = answered.to_json()
    paths, pictures = [row.pop("path", None) for row in whole["designs"]], {}
    if (front := answered.front) is not None:
        from aign.designs import front_picture  # matplotlib takes its time to import

        pictures["picture"] = drawn(front_picture.draw(front))
    return {"answer": {**whole, "network": network, "digest": digest, "seed": seed, **answers.shown(answered)},
            "paths": paths, **pictures}


def impact(models: Models, tell: Tell, network: str, request: Mapping[str, Any], seed: int) -> dict[str, Any]:
    """Return what the events of a request do to its deployed design; no weights are needed."""
    scenario = models.scenario(network)
    return impacts.impact(Request(**request).resolve(scenario, seed)).to_json()


def _answered(models: Models, network: str, request: Mapping[str, Any], seed: int) -> Answer:
    """Return the answer to a request, each design once; equal requests and seeds have equal answers."""
    pipeline = models.open(network).pipeline
    return answer(pipeline, Request(**request).resolve(pipeline.scenario, seed), None, seed).distinct()


def suggest(models: Models, tell: Tell, network: str, request: Mapping[str, Any], seed: int) -> dict[str, Any]:
    """Return the few changes of the deployed design that mend or improve it, the most gain a change first."""
    tell("designs again")
    answered = _answered(models, network, request, seed)
    tell("looks for few changes")
    suggestions = answered.suggest()
    about = {**answered.summary(), "network": network, "seed": seed, "digest": models.open(network).digest,
             "request": answered.request.to_json(),
             "objectives": [None if best is None else best.to_json() for best in answered.best_values]}
    return {"about": {name: about[name] for name in (*accept.KEPT, "digest")},
            "suggestions": [suggestion.to_json() for suggestion in suggestions],
            "sentences": [suggestion.sentence() for suggestion in suggestions] or
            ["No changes were found that mend the request, or improve the deployed design."]}


def live(models: Models, tell: Tell, network: str, request: Mapping[str, Any], seed: int) -> dict[str, Any]:
    """Return verified designs only, each once, without certificate and explanation: as fast as the model answers.

    Where each design is a whole episode, in every step of which the model plans anew, few designs in few steps.
    """
    pipeline = models.open(network).pipeline
    resolved = Request(**request).resolve(pipeline.scenario, seed)
    count, settings = resolved.count, None
    if pipeline.strategy.online:
        count, settings = min(count, LIVE_DESIGNS), SamplingSettings(steps=LIVE_STEPS)
    candidates = generate(pipeline, resolved.context[None], resolved.constraints, count, settings, seed,
                          resolved.objectives, network=resolved.without_failed)
    first = {tuple(values): rank for rank, values in reversed(list(enumerate(candidates.designs[0].tolist())))}
    return {"bounds": answers.bounds(resolved), "designs": [{
        "rank": place, "feasible": bool(candidates.feasible[0, rank]), "utility": float(candidates.utility[0, rank]),
        **{name: float(values[0, rank]) for name, values in candidates.labels.items()},
    } for place, rank in enumerate(sorted(first.values()), 1)]}


def explanation(models: Models, tell: Tell, network: str, answer: Mapping[str, Any], rank: int,
                path: Sequence[Any] | None) -> dict[str, Any]:
    """Return why one design of an answer looks as it does: sentences, figures, and the picture of both."""
    scenario = without(models.open(network).pipeline.scenario, (answer.get("impact") or {}).get("failed", ()))
    context, chosen = torch.tensor(answer["context"]), torch.tensor(answer["designs"][rank - 1]["design"])
    constraints = parse(answer["where"], scenario.labels)
    tell("certifies again with each constraint loosened")
    states = _path(scenario, context, chosen, path)
    why = explain(scenario, context, constraints, chosen, states,
                  certificate_of(scenario, context[None], constraints))
    tell("draws")
    from aign.designs import explanation_picture  # matplotlib takes its time to import

    figure = explanation_picture.draw(scenario, context, chosen, why)
    return {"sentences": [*answers.standing(answer, rank), *why.sentences()], **why.to_json(), "picture": drawn(figure)}


def picture(models: Models, tell: Tell, network: str, context: Sequence[float], design: Sequence[float],
            path: Sequence[Any] | None) -> dict[str, Any]:
    """Return the network's usual picture of one design."""
    scenario = models.open(network).pipeline.scenario
    values = torch.tensor(context)
    return {"picture": drawn(scenario.picture(values, _path(scenario, values, torch.tensor(design), path)))}


def _path(scenario: Any, context: torch.Tensor, design: torch.Tensor, path: Sequence[Any] | None) -> torch.Tensor:
    """Return the states on the way to a design; where none were kept, a scenario replays its decisions."""
    planned = torch.empty(0) if path is None else torch.tensor(path)
    states: torch.Tensor = scenario.path_of(context, design, planned)
    return states


def drawn(figure: Figure) -> dict[str, str]:
    """Return a figure without background, as SVG text or, where that is large, as PNG in base64."""
    import matplotlib

    text = io.StringIO()
    with matplotlib.rc_context({"svg.hashsalt": "aign"}):
        figure.savefig(text, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
    if text.tell() <= LARGEST_SVG:
        return {"svg": text.getvalue()}
    image = io.BytesIO()
    figure.savefig(image, format="png", dpi=DOTS, transparent=True, metadata={"Software": None})
    return {"png": base64.b64encode(image.getvalue()).decode()}


TASKS: Mapping[str, Callable[..., Any]] = {task.__name__: task for task in (
    networks, read, refine, confirm, design, impact, live, reply, suggest, explanation, picture)}
