"""The answer to a request: ranked designs with all that is known of them, as text, as JSON and as files.

Axes: K designs, E training designs, X design values.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.markup import escape
from rich.table import Table
from torch import Tensor

from aign.designs.answer_figures import AnswerFigures
from aign.designs.best_value import ALONG_FRONT, NEAR_BEST, BestValue, best_value, pressures
from aign.designs.front import Front
from aign.designs.generation import generate
from aign.designs.requests import ResolvedRequest
from aign.designs.settings import SamplingSettings
from aign.designs.table import design_table, nearest_sentence, save_figure, write_together, written_out
from aign.diffusion.model import DesignModel
from aign.files.writing import json_text, write_text
from aign.scenarios.core.certificate import Certificate, CertificateKind
from aign.scenarios.core.constraints import Constraint, written
from aign.scenarios.core.remembered import certificate_of
from aign.scenarios.core.scenario import finite_or_none

if TYPE_CHECKING:
    from matplotlib.figure import Figure


class Answer(AnswerFigures):
    """Ranked designs for one request, with the certificate they are judged by; shown and saved."""

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
        and `changes` from a deployed design, null without; `runner_up`, the next design beside the best; `designs`,
        the rows; `impact` of events, where some were named.
        """
        labels = [{"name": label.name, "unit": label.unit, "better": label.better, "description": label.description}
                  for label in self.scenario.labels]
        return {**self.summary(), "request": self.request.to_json(), "labels": labels, "verdict": self.verdict,
                "sentences": self.caption(),
                "objectives": [None if each is None else each.to_json() for each in self.best_values],
                "front": None if self.front is None else self.front.to_json(),
                "changes": None if self.changes is None else self.changes.to_json(),
                "runner_up": None if self.runner_up is None else self.runner_up.to_json(), "designs": self.rows(),
                **({} if self.impact is None else {"impact": self.impact.to_json()})}

    def save(self, stem: Path) -> list[Path]:
        """Write `stem`.json, .parquet and .png, all or none; return their paths."""
        return write_together(stem, self._tables())

    def save_all(self, stem: Path) -> list[Path]:
        """Write what `save` writes, and `stem`-why.png where a design meets the request; return the paths."""
        return write_together(stem, self._tables() | self._reasons())

    def _tables(self) -> dict[str, Callable[[Path], object]]:
        """Return what writes each file of `save`, by its ending."""
        return {".json": lambda path: write_text(path, json_text(self.to_json())),
                ".parquet": self._write_parquet,
                ".png": lambda path: save_figure(self.picture(), path),
                **({} if (designs := self.front) is None else
                   {"-front.png": lambda path: save_figure(self._front_picture(designs), path)})}

    def _write_parquet(self, path: Path) -> None:
        import pyarrow as pa  # not for an answer that is only shown: it takes its time to import
        import pyarrow.parquet as pq

        pq.write_table(pa.Table.from_pylist(self.rows()), path)

    def _front_picture(self, designs: Front) -> Figure:
        from aign.designs import front_picture  # draws, and matplotlib takes its time to import

        return front_picture.draw(designs, self._title())

    def _reasons(self) -> dict[str, Callable[[Path], object]]:
        """Return what writes the picture of the explanation, by its ending; nothing where there is none."""
        explanation = self.explanation
        if explanation is None:
            return {}
        from aign.designs import explanation_picture  # draws, and matplotlib takes its time to import

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
                *([self.certificate.statement] if any(each is None for each in self.best_values) else []),
                *([] if self.front is None else [self.front.sentence()]),
                *(self.explanation.sentences() if self.explanation else []),
                *([] if self.runner_up is None or not self.feasible else [self.runner_up.sentence()]),
                *([] if self.changes is None else self.changes.sentences()), *self._known_beside_the_generated(),
                *nearest_sentence(self.diagnosis), *self.diversity.sentences(self.scenario.distance.unit)]

    def _known_beside_the_generated(self) -> list[str]:
        """Return a design that meets the request where the search knows one, and none that was generated does."""
        if bool(self.candidates.feasible[0].any()) or not self.feasible:
            return []
        best = next((best for best in self.best_values if best is not None), None)
        design = self.certificate.design[0] if best is None else best.design
        context, values = self.request.context[None], design[None]
        labels = ", ".join(f"{name} {written(float(value[0]), 4)}"
                           for name, value in self.scenario.measure(context, values).items())
        return [f"No generated design meets the request, but one is known that does: {written_out(design.tolist())}; "
                f"utility {float(self.scenario.utility(context, values)[0]):.4f}, {labels}."]


def answer(pipeline: DesignModel, request: ResolvedRequest, settings: SamplingSettings | None = None, seed: int = 0,
           training_designs: Tensor | None = None) -> Answer:
    """Generate, verify, certify and rank designs for one request; novelty is measured against the training designs."""
    scenario, contexts = request.without_failed or pipeline.scenario, request.context[None]
    certificate = certificate_of(scenario, contexts, request.constraints)
    best_values = [best_value(scenario, request.context, request.constraints, objective,
                             certificate.design[certificate.feasible])
                  for objective in request.objectives if not objective.is_utility]
    known = tuple(best for best in best_values if best is not None)
    candidates = generate(pipeline, contexts, request.constraints, request.count, settings, seed, request.objectives,
                          _pressed(pipeline, request, certificate, known),
                          network=request.without_failed)
    whole = Answer(scenario, request, candidates, certificate, float(scenario.reference_utility(contexts)[0]),
                   pipeline.strategy, training_designs, known)
    return whole if request.spread is None else whole.spread(request.spread)


def _pressed(pipeline: DesignModel, request: ResolvedRequest, certificate: Certificate,
             known: Sequence[BestValue]) -> tuple[tuple[Constraint, ...], ...]:
    """Return bounds on labels that are objectives, between which the candidates take turns; none for other requests,
    and where nothing is projected.
    """
    if not known or pipeline.strategy.online:
        return ((),)
    usual = pipeline.scenario.measure(request.context[None], certificate.design)
    return pressures(known, {name: float(value[0]) for name, value in usual.items()},
                     NEAR_BEST if len(request.objectives) == 1 else ALONG_FRONT)
