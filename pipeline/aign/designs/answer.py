"""The answer to a request: ranked designs, judged by a certificate, diagnosed and explained; saved and shown.

Axes: K designs, X design values, E training designs, T horizon, Z state values.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import torch
from matplotlib.figure import Figure
from rich.markup import escape
from rich.table import Table
from torch import Tensor

from aign.designs import diversity, explanation_picture, front_picture
from aign.designs.best_value import BestValue, best_value
from aign.designs.changes import ChangeOrder, Changes
from aign.designs.deployed import Deployment
from aign.designs.diagnosis import Diagnosis, diagnose
from aign.designs.diversity import Diversity
from aign.designs.explanation import Explanation, explain
from aign.designs.front import Front, front, searched_points
from aign.designs.generation import Candidates, generate
from aign.designs.objectives import preference
from aign.designs.requests import ResolvedRequest
from aign.designs.settings import SamplingSettings
from aign.designs.table import design_table, nearest_sentence, save_figure, write_together, written_out
from aign.diffusion.pipeline import DesignPipeline
from aign.diffusion.strategies import Strategy
from aign.files.writing import json_text, write_text
from aign.scenarios.core.certificate import Certificate, CertificateKind
from aign.scenarios.core.returns import normalised_return
from aign.scenarios.core.scenario import Scenario, finite_or_none


@dataclass(frozen=True)
class Answer:
    """Ranked designs for one request, with the certificate they are judged by.

    `training_designs` (E, X), in canonical order, are given where novelty shall be measured against them.
    """

    scenario: Scenario[Any]
    request: ResolvedRequest
    candidates: Candidates
    certificate: Certificate
    reference: float
    strategy: Strategy
    training_designs: Tensor | None = None

    @property
    def optimum(self) -> float:
        """Certified utility under the request's constraints; NaN where there is no certificate."""
        return float(self.certificate.utility[0])

    @property
    def feasible(self) -> bool:
        """Whether any design can meet the request, as far as the certificate or a generated design can tell."""
        return bool(self.certificate.feasible[0]) or bool(self.candidates.feasible[0].any())

    @cached_property
    def diagnosis(self) -> Diagnosis | None:
        """Why no design is known that meets the request; None where one is."""
        return None if self.feasible else diagnose(self.scenario, self.request.context, self.request.constraints)

    @cached_property
    def explanation(self) -> Explanation | None:
        """Why the best design looks as it does; None where none meets the request."""
        if not bool(self.candidates.feasible[0, 0]):
            return None
        return explain(self.scenario, self.request.context, self.request.constraints, self.candidates.designs[0, 0],
                       self.best_path, self.certificate)

    @cached_property
    def best_values(self) -> tuple[BestValue | None, ...]:
        """For each objective how good it can be, with what is proven of it; None for the utility, of which
        `certificate` tells, and where no design is known that meets the request.
        """
        request, candidates = self.request, self.candidates
        known = candidates.designs[0][candidates.feasible[0]]
        return tuple(None if objective.is_utility or not self.feasible else
                     best_value(self.scenario, request.context, request.constraints, objective, known)
                     for objective in request.objectives)

    @cached_property
    def front(self) -> Front | None:
        """Of several objectives the designs that no other beats; None where there is one objective."""
        request, candidates = self.request, self.candidates
        if len(request.objectives) == 1:
            return None
        searched = searched_points(self.scenario, request.context, request.constraints, request.objectives,
                                   self.best_values, self.certificate)
        labels = {name: values[0] for name, values in candidates.labels.items()}
        return front(request.objectives, candidates.utility[0], labels, candidates.feasible[0], searched)

    @cached_property
    def changes(self) -> Changes | None:
        """The changes from the deployed design to the best one, in order; None where none is deployed.

        None of them where the deployed design meets the request and nothing generated is better.
        """
        request = self.request
        if request.start is None:
            return None
        order = ChangeOrder(Deployment(self.scenario, request.context), request.constraints, request.objectives[0])
        start, best = order.states(torch.stack([request.start, self.candidates.designs[0, 0]]))
        keep = start.meets and not (best.meets and order.score(best) > order.score(start))
        return order.changes(start.design, start.design if keep else best.design)

    @cached_property
    def best_path(self) -> Tensor:
        """The states (T+1, Z) passed on the way to the best design, with what is hidden."""
        best = self.candidates
        return self.scenario.path_of(self.request.context, best.designs[0, 0], best.paths[0, 0])

    @cached_property
    def diversity(self) -> Diversity:
        """How different the designs are from each other and from the training designs."""
        candidates, designs = self.candidates, self.candidates.designs[0]
        _, index = self.scenario.canonical_order(self.request.context[None])
        return diversity.measure(self.scenario, designs, candidates.utility[0], candidates.feasible[0],
                                 self.training_designs, designs.gather(1, index.expand(len(designs), -1)))

    def spread(self, count: int) -> Answer:
        """Return the answer with up to `count` good designs that differ as much as can be; see `diversity.spread`."""
        candidates = self.candidates
        keys = preference(self.request.objectives, candidates.utility, candidates.labels, candidates.feasible)
        chosen = sorted(diversity.spread(candidates.designs[0], keys[0][0], candidates.feasible[0], count,
                                         norm=self.scenario.distance.norm))
        values = {field.name: getattr(candidates, field.name) for field in fields(candidates)}
        labels = {name: value[:, chosen] for name, value in values.pop("labels").items()}
        kept = {name: value[:, chosen] for name, value in values.items()}
        return replace(self, candidates=Candidates(labels=labels, **kept))

    def rows(self) -> list[dict[str, Any]]:
        """Return one dictionary a design, best first; None where a figure does not exist.

        An online strategy gives no path: replaying the decisions, which are the design, gives it.
        """
        candidates, scores, paths = self.candidates, self._scores(), not self.strategy.online
        return [{
            "rank": rank + 1,
            "feasible": bool(candidates.feasible[0, rank]),
            "utility": float(candidates.utility[0, rank]),
            "gap": self._gap(rank),
            "normalised_return": scores[rank],
            **{name: float(values[0, rank]) for name, values in candidates.labels.items()},
            "satisfied_before_projection": bool(candidates.raw_feasible[0, rank]),
            "path_reaches_design": bool(candidates.reached[0, rank]),
            "target_return": float(candidates.target_returns[0, rank]),
            "design": candidates.designs[0, rank].tolist(),
            **({"path": candidates.paths[0, rank].tolist()} if paths else {}),
        } for rank in range(candidates.utility.shape[1])]

    @property
    def best_known(self) -> float | None:
        """The highest utility of any design known to meet the request: certified or generated; None without one."""
        certified = self.scenario.utility(self.request.context[None], self.certificate.design)
        utilities = certified[self.certificate.feasible].tolist()
        utilities += self.candidates.utility[0][self.candidates.feasible[0]].tolist()
        return max(utilities, default=None)

    def _gap(self, rank: int) -> float | None:
        """Return how far a design is from the best value that is certified, relative to it.

        None where none is certified, where it is 0, and of several objectives.
        """
        request, best = self.request, self.best_values[0]
        if request.by_utility:
            return finite_or_none((self.optimum - float(self.candidates.utility[0, rank])) / abs(self.optimum)) \
                if self.optimum else None
        if len(request.objectives) > 1 or best is None or not best.exact or not best.value:
            return None
        return abs(float(self.candidates.labels[best.objective.name][0, rank]) - best.value) / abs(best.value)

    def _scores(self) -> list[float | None]:
        """Return normalised returns; None where constraints press the optimum below the reference, or there is none."""
        utility = self.candidates.utility[0]
        if not self.optimum > self.reference:
            return [None] * len(utility)
        scores = normalised_return(utility, utility.new_tensor(self.reference), self.certificate.utility[0])
        return [finite_or_none(float(score)) for score in scores]

    def summary(self) -> dict[str, Any]:
        """Return what the designs answer: scenario, context, constraints, certificate."""
        return {"scenario": self.scenario.spec(), "context": self.request.context.tolist(),
                "origin": self.request.origin, "where": [str(constraint) for constraint in self.request.constraints],
                "feasible": self.feasible, "certified_utility": finite_or_none(self.optimum),
                "certificate": str(self.certificate.kind), "statement": self.certificate.statement,
                "best_known_utility": self.best_known,
                "shadow_prices": {str(constraint): finite_or_none(float(price[0]))
                                  for constraint, price in self.certificate.prices.items()},
                "diagnosis": None if self.diagnosis is None else self.diagnosis.to_json(),
                "explanation": None if self.explanation is None else self.explanation.to_json(),
                "diversity": self.diversity.to_json()}

    def to_json(self) -> dict[str, Any]:
        """Return the whole answer as plain JSON values: what `save` writes.

        Beside the summary: `request` as asked; `labels` with unit and better direction; `verdict` and `sentences`, the
        lines below the table; `objectives`, what is known of each label that is one; `front` of several objectives
        and `changes` from a deployed design, null without; `designs`, the rows.
        """
        labels = [{"name": label.name, "unit": label.unit, "better": label.better, "description": label.description}
                  for label in self.scenario.labels]
        return {**self.summary(), "request": self.request.to_json(), "labels": labels, "verdict": self.verdict,
                "sentences": self.caption(),
                "objectives": [None if each is None else each.to_json() for each in self.best_values],
                "front": None if self.front is None else self.front.to_json(),
                "changes": None if self.changes is None else self.changes.to_json(), "designs": self.rows()}

    def save(self, stem: Path) -> list[Path]:
        """Write `stem`.json, .parquet and .png, all or none; return their paths."""
        return write_together(stem, self._tables())

    def save_all(self, stem: Path) -> list[Path]:
        """Write what `save` writes, and `stem`-why.png where a design meets the request; return the paths."""
        return write_together(stem, self._tables() | self._reasons())

    def _tables(self) -> dict[str, Callable[[Path], object]]:
        """Return what writes each file of `save`, by its ending."""
        return {".json": lambda path: write_text(path, json_text(self.to_json())),
                ".parquet": lambda path: pq.write_table(pa.Table.from_pylist(self.rows()), path),
                ".png": lambda path: save_figure(self.picture(), path),
                **({} if (designs := self.front) is None else
                   {"-front.png": lambda path: save_figure(front_picture.draw(designs, self._title()), path)})}

    def _reasons(self) -> dict[str, Callable[[Path], object]]:
        """Return what writes the picture of the explanation, by its ending; nothing where there is none."""
        explanation = self.explanation
        if explanation is None:
            return {}
        return {"-why.png": lambda path: save_figure(explanation_picture.draw(
            self.scenario, self.request.context, self.candidates.designs[0, 0], explanation, self._title()), path)}

    def picture(self) -> Figure:
        """Draw the best design and the path to it."""
        return self.scenario.picture(self.request.context, self.best_path, self._title())

    def _title(self) -> str:
        return f"{self.scenario.name}, {self.request.origin}, {self._wanted(', ')}".replace("$", r"\$")

    def _wanted(self, joint: str) -> str:
        """Return constraints, and objectives other than the utility alone, in words."""
        request = self.request
        where = joint.join(map(str, request.constraints)) or "no constraints"
        return where if request.by_utility else f"{where}, {' and '.join(map(str, request.objectives))}"

    @property
    def verdict(self) -> str:
        """What is certified, in one line."""
        if self.diagnosis is None:
            if not self.request.by_utility:
                known = [each.sentence() for each in self.best_values if each is not None]
                return "; ".join(known) or "nothing is known of the objective"
            if finite_or_none(self.optimum) is None:
                return "no certificate"
            bound = self.certificate.kind is CertificateKind.UPPER_BOUND
            best = f", best known {self.best_known:.4f}" if bound else ""
            return f"certified utility {self.optimum:.4f} ({self.certificate.kind}){best}"
        cause = str(self.diagnosis)
        if self.certificate.proven_infeasible[0] or self.diagnosis.proven:
            return f"infeasible: no design meets these constraints, {cause}; the nearest designs follow"
        return f"no design is known that meets these constraints (not proven infeasible), {cause}; the nearest follow"

    def __rich__(self) -> Table:
        where = self._wanted(" and ")
        verdict = self.verdict if self.feasible else f"[bold red]{self.verdict}[/]"
        title = f"{self.scenario.name}, {escape(self.request.origin)}, {where}\n{verdict}"
        return design_table(title, self.caption(), list(self.candidates.labels), self.rows())

    def caption(self) -> list[str]:
        """Return the lines below the table: units, the best design in full, what the certificate proves, the
        explanation, or where the request is not met the nearest design that is, and the diversity.
        """
        units = ", ".join(f"{name} [{self.scenario.label(name).unit}]" for name in self.candidates.labels)
        return [f"Units: {units}.", f"Best design: {written_out(self.rows()[0]['design'])}.",
                self.certificate.statement, *([] if self.front is None else [self.front.sentence()]),
                *(self.explanation.sentences() if self.explanation else []),
                *([] if self.changes is None else self.changes.sentences()),
                *nearest_sentence(self.diagnosis), *self.diversity.sentences(self.scenario.distance.unit)]


def answer(pipeline: DesignPipeline, request: ResolvedRequest, settings: SamplingSettings | None = None, seed: int = 0,
           training_designs: Tensor | None = None) -> Answer:
    """Generate, verify, certify and rank designs for one request; novelty is measured against the training designs."""
    scenario, contexts = pipeline.scenario, request.context[None]
    candidates = generate(pipeline, contexts, request.constraints, request.count, settings, seed,
                          request.objectives)
    certificate = scenario.certify(contexts, request.constraints)
    whole = Answer(scenario, request, candidates, certificate, float(scenario.reference_utility(contexts)[0]),
                   pipeline.strategy, training_designs)
    return whole if request.spread is None else whole.spread(request.spread)
