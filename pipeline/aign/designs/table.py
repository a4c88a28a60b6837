"""The answer to a request as a table: for the terminal, as JSON, as Parquet, as a picture."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, fields, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from matplotlib.figure import Figure
from rich.box import SIMPLE_HEAD
from rich.markup import escape
from rich.table import Table
from torch import Tensor

from aign.designs import diversity, explanation_picture
from aign.designs.diagnosis import Diagnosis, diagnose
from aign.designs.diversity import Diversity
from aign.designs.explanation import Explanation, explain
from aign.designs.generation import Candidates, generate
from aign.designs.requests import ResolvedRequest
from aign.designs.settings import SamplingSettings
from aign.diffusion.pipeline import DesignPipeline
from aign.files.writing import json_text, write_text, writing
from aign.scenarios.core.certificate import Certificate, CertificateKind
from aign.scenarios.core.constraints import written
from aign.scenarios.core.returns import normalised_return
from aign.scenarios.core.scenario import Scenario, finite_or_none
from aign.scenarios.core.sequential import is_sequential

WRITTEN_OUT = 128
"""Most values of a design that the terminal shows."""
PICTURE: dict[str, Any] = {"dpi": 120, "format": "png", "metadata": {"Software": None}}
"""How pictures are saved: equal content is equal bytes."""


@dataclass(frozen=True)
class Answer:
    """Ranked designs for one request, with the certificate they are judged by.

    `memory` holds the training designs (E, X) in canonical order, where novelty shall be measured against them.
    """

    scenario: Scenario[Any]
    request: ResolvedRequest
    candidates: Candidates
    certificate: Certificate
    reference: float
    memory: Tensor | None = None

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
        if self.feasible:
            return None
        return diagnose(self.scenario, self.request.context, self.request.constraints)

    @cached_property
    def explanation(self) -> Explanation | None:
        """Why the best design looks as it does; None where none meets the request."""
        found = self.candidates
        if not bool(found.feasible[0, 0]):
            return None
        return explain(self.scenario, self.request.context, self.request.constraints, found.designs[0, 0],
                       self.best_path, self.certificate)

    @cached_property
    def best_path(self) -> Tensor:
        """The states (T+1, Z) passed on the way to the best design, with what is hidden."""
        best = self.candidates
        return self.scenario.path_of(self.request.context, best.designs[0, 0], best.paths[0, 0])

    @cached_property
    def diversity(self) -> Diversity:
        """How different the designs are from each other and from the training designs."""
        found = self.candidates
        designs = found.designs[0]
        _, index = self.scenario.canonical_order(self.request.context[None])
        return diversity.measure(self.scenario, designs, found.utility[0], found.feasible[0], self.memory,
                                 designs.gather(1, index.expand(len(designs), -1)))

    def spread(self, count: int) -> Answer:
        """Return the answer with up to `count` good designs that differ as much as can be; see `diversity.spread`."""
        found = self.candidates
        chosen = sorted(diversity.spread(found.designs[0], found.utility[0], found.feasible[0], count,
                                         norm=diversity.norm_of(self.scenario)))
        kept = {one.name: _picked(getattr(found, one.name), chosen) for one in fields(found)}
        return replace(self, candidates=Candidates(**kept))

    def rows(self) -> list[dict[str, Any]]:
        """Return one dictionary a design, best first; None where a figure does not exist.

        Where decisions follow each other there is no path: replaying the decisions, which are the design, gives it.
        """
        found, scores, alone = self.candidates, self._scores(), is_sequential(self.scenario)
        return [{
            "rank": rank + 1,
            "feasible": bool(found.feasible[0, rank]),
            "utility": float(found.utility[0, rank]),
            "gap": self._gap(float(found.utility[0, rank])),
            "normalised_return": scores[rank],
            **{name: float(values[0, rank]) for name, values in found.labels.items()},
            "satisfied_before_projection": bool(found.raw_feasible[0, rank]),
            "path_reaches_design": bool(found.reached[0, rank]),
            "target_return": float(found.target_returns[0, rank]),
            "design": found.designs[0, rank].tolist(),
            **({} if alone else {"path": found.paths[0, rank].tolist()}),
        } for rank in range(found.utility.shape[1])]

    @property
    def best_known(self) -> float | None:
        """The highest utility of any design known to meet the request: certified or generated; None without one."""
        certified = self.scenario.utility(self.request.context[None], self.certificate.design)
        known = certified[self.certificate.feasible].tolist()
        known += self.candidates.utility[0][self.candidates.feasible[0]].tolist()
        return max(known, default=None)

    def _gap(self, utility: float) -> float | None:
        """Return how far a utility is from the certified one, relative to it; None without one, or where it is 0."""
        return finite_or_none((self.optimum - utility) / abs(self.optimum)) if self.optimum else None

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
                "origin": self.request.origin, "where": [str(one) for one in self.request.constraints],
                "feasible": self.feasible, "certified_utility": finite_or_none(self.optimum),
                "certificate": str(self.certificate.kind), "statement": self.certificate.statement,
                "best_known_utility": self.best_known,
                "shadow_prices": {str(one): finite_or_none(float(price[0]))
                                  for one, price in self.certificate.prices.items()},
                "diagnosis": None if self.diagnosis is None else self.diagnosis.to_json(),
                "explanation": None if self.explanation is None else self.explanation.to_json(),
                "diversity": self.diversity.to_json()}

    def save(self, stem: Path) -> list[Path]:
        """Write `stem`.json, .parquet and .png, all or none; return their paths."""
        return self._save(stem, self._tables())

    def save_explanation(self, stem: Path) -> list[Path]:
        """Write `stem`-why.png where a design meets the request; return its path."""
        return self._save(stem, self._reasons())

    def save_all(self, stem: Path) -> list[Path]:
        """Write what `save` and `save_explanation` write, all or none; return the paths."""
        return self._save(stem, self._tables() | self._reasons())

    @staticmethod
    def _save(stem: Path, writers: Mapping[str, Callable[[Path], object]]) -> list[Path]:
        """Let each writer write the file with its ending; they take their places when the last one is whole."""
        paths = {ending: stem.with_name(f"{stem.name}{ending}") for ending in writers}
        with ExitStack() as together:
            for ending, write in writers.items():
                write(together.enter_context(writing(paths[ending])))
        return list(paths.values())

    def _tables(self) -> dict[str, Callable[[Path], object]]:
        """Return what writes each file of `save`, by its ending."""
        return {".json": lambda path: write_text(path, json_text({**self.summary(), "designs": self.rows()})),
                ".parquet": lambda path: pq.write_table(pa.Table.from_pylist(self.rows()), path),
                ".png": lambda path: self.picture().savefig(path, **PICTURE)}

    def _reasons(self) -> dict[str, Callable[[Path], object]]:
        """Return what writes the picture of the explanation, by its ending; nothing where there is none."""
        found = self.explanation
        if found is None:
            return {}
        return {"-why.png": lambda path: explanation_picture.draw(
            self.scenario, self.request.context, self.candidates.designs[0, 0], found, self._title(),
        ).savefig(path, **PICTURE)}

    def picture(self) -> Figure:
        """Draw the best design and the path to it."""
        return self.scenario.picture(self.request.context, self.best_path, self._title())

    def _title(self) -> str:
        where = ", ".join(str(one) for one in self.request.constraints) or "no constraints"
        return f"{self.scenario.name}, {self.request.origin}, {where}".replace("$", r"\$")

    @property
    def verdict(self) -> str:
        """What is certified, in one line."""
        if self.diagnosis is None:
            if finite_or_none(self.optimum) is None:
                return "no certificate"
            bound = self.certificate.kind is CertificateKind.UPPER_BOUND
            known = f", best known {self.best_known:.4f}" if bound else ""
            return f"certified utility {self.optimum:.4f} ({self.certificate.kind}){known}"
        cause = str(self.diagnosis)
        if self.certificate.proven_infeasible[0] or self.diagnosis.proven:
            return f"infeasible: no design meets these constraints, {cause}; the nearest designs follow"
        return f"no design is known that meets these constraints (not proven infeasible), {cause}; the nearest follow"

    def __rich__(self) -> Table:
        where = " and ".join(str(one) for one in self.request.constraints) or "no constraints"
        verdict = self.verdict if self.feasible else f"[bold red]{self.verdict}[/]"
        table = Table(title=f"{self.scenario.name}, {escape(self.request.origin)}, {where}\n{verdict}",
                      caption=escape(self._caption()), caption_justify="left", box=SIMPLE_HEAD,
                      collapse_padding=True, pad_edge=False)
        lines = [self._figures(row) for row in self.rows()]
        # Broken between words, so that the columns are hardly wider than their figures, which are never cut.
        names = [name.replace("_", "\n") for name in self.candidates.labels]
        for heading, *figures in zip(("rank", "met", "utility", "gap", *names), *lines, strict=True):
            table.add_column(heading, justify="right", overflow="fold", min_width=max(map(len, figures)))
        for row, line in zip(self.rows(), lines, strict=True):
            table.add_row(*line, style="" if row["feasible"] else "red")
        return table

    def _caption(self) -> str:
        """Return units, the best design in full, what the certificate proves, and the explanation."""
        units = ", ".join(f"{name} [{self.scenario.label(name).unit}]" for name in self.candidates.labels)
        best = written_out(self.rows()[0]["design"])
        return "\n".join([f"Units: {units}.", f"Best design: {best}.", self.certificate.statement, *self._why()])

    def _why(self) -> list[str]:
        """Return the explanation, or where the request is not met the nearest design that is, and the diversity."""
        unit = "decisions" if is_sequential(self.scenario) else self.scenario.state_features[0].unit
        lines = [] if self.explanation is None else self.explanation.sentences()
        found = self.diagnosis
        if found is not None and found.design is not None:
            labels = ", ".join(f"{name} {written(value, 4)}" for name, value in found.labels.items())
            nearest = written_out(found.design.tolist())
            lines.append(f"Nearest feasible design, with {found.cause} relaxed as said: {nearest}; utility "
                         f"{found.utility:.4f}, {labels}.")
        return lines + self.diversity.sentences(unit)

    def _figures(self, row: Mapping[str, Any]) -> list[str]:
        """Return what the table shows of one design, except the design itself."""
        gap = "-" if row["gap"] is None else f"{row['gap']:.3%}"
        return [str(row["rank"]), "yes" if row["feasible"] else "no", f"{row['utility']:.4f}", gap,
                *(written(row[name], 4) for name in self.candidates.labels)]


def written_out(design: Sequence[float]) -> str:
    """Return the values of a design for the terminal, the last of very many left out."""
    more = f" ... ({len(design)} values)" if len(design) > WRITTEN_OUT else ""
    return " ".join(f"{value:g}" for value in design[:WRITTEN_OUT]) + more


def _picked(value: Any, places: list[int]) -> Any:
    """Return the candidates at some places of a field (1, K, ...), or of each of its values."""
    if isinstance(value, Mapping):
        return {name: one[:, places] for name, one in value.items()}
    return value[:, places]


def answer(pipeline: DesignPipeline, request: ResolvedRequest, settings: SamplingSettings | None = None,
           seed: int = 0, memory: Tensor | None = None) -> Answer:
    """Generate, verify, certify and rank designs for one request; `memory` is what novelty is measured against."""
    scenario, contexts = pipeline.scenario, request.context[None]
    candidates = generate(pipeline, contexts, request.constraints, request.count, settings, seed)
    certificate = scenario.certify(contexts, request.constraints)
    return Answer(scenario, request, candidates, certificate, float(scenario.reference_utility(contexts)[0]),
                  memory)
