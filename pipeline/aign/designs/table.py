"""The answer to a request as a table: for the terminal, as JSON, as Parquet, as a picture."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from matplotlib.figure import Figure
from rich.box import SIMPLE_HEAD
from rich.markup import escape
from rich.table import Table

from aign.designs.generation import Candidates, generate
from aign.designs.requests import Request
from aign.designs.settings import SamplingSettings
from aign.diffusion.pipeline import DesignPipeline
from aign.files import write_json, writing
from aign.scenarios.base import Certificate, Scenario, finite_or_none, normalised_return


@dataclass(frozen=True)
class Answer:
    """Ranked designs for one request, with the certificate they are judged by."""

    scenario: Scenario[Any]
    request: Request
    candidates: Candidates
    certificate: Certificate
    reference: float

    @property
    def optimum(self) -> float:
        """Certified utility under the request's constraints; NaN where there is no certificate."""
        return float(self.certificate.utility[0])

    @property
    def feasible(self) -> bool:
        """Whether any design can meet the request, as far as the certificate or a generated design can tell."""
        return bool(self.certificate.feasible[0]) or bool(self.candidates.feasible[0].any())

    def rows(self) -> list[dict[str, Any]]:
        """Return one dictionary a design, best first; None where a figure does not exist."""
        found, scores = self.candidates, self._scores()
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
            "path": found.paths[0, rank].tolist(),
        } for rank in range(found.utility.shape[1])]

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
                "certificate": self.certificate.kind, "statement": self.certificate.statement,
                "shadow_prices": {name: finite_or_none(float(price[0]))
                                  for name, price in self.certificate.prices.items()}}

    def save(self, stem: Path) -> list[Path]:
        """Write `stem`.json, .parquet and .png; return their paths."""
        paths = [stem.with_name(f"{stem.name}.{ending}") for ending in ("json", "parquet", "png")]
        write_json(paths[0], {**self.summary(), "designs": self.rows()})
        with writing(paths[1]) as aside:
            pq.write_table(pa.Table.from_pylist(self.rows()), aside)
        with writing(paths[2]) as aside:
            self.picture().savefig(aside, dpi=120, format="png", metadata={"Software": None})
        return paths

    def picture(self) -> Figure:
        """Draw the best design and the path to it."""
        where = ", ".join(str(one) for one in self.request.constraints) or "no constraints"
        title = f"{self.scenario.name}, {self.request.origin}, {where}"
        return self.scenario.picture(self.request.context, self.candidates.paths[0, 0], title.replace("$", r"\$"))

    @property
    def verdict(self) -> str:
        """What is certified, in one line."""
        if self.feasible:
            known = finite_or_none(self.optimum) is not None
            return f"certified utility {self.optimum:.4f} ({self.certificate.kind})" if known else "no certificate"
        if self.certificate.kind == "best known":
            return "no design is known that meets these constraints; the nearest designs follow"
        return "infeasible: no design meets these constraints; the nearest designs follow"

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
        """Return units, the best design in full, and what the certificate proves."""
        units = ", ".join(f"{name} [{self.scenario.label(name).unit}]" for name in self.candidates.labels)
        best = " ".join(f"{value:g}" for value in self.rows()[0]["design"])
        return f"Units: {units}.\nBest design: {best}.\n{self.certificate.statement}"

    def _figures(self, row: Mapping[str, Any]) -> list[str]:
        """Return what the table shows of one design, except the design itself."""
        gap = "-" if row["gap"] is None else f"{row['gap']:.3%}"
        return [str(row["rank"]), "yes" if row["feasible"] else "no", f"{row['utility']:.4f}", gap,
                *(f"{row[name]:.4g}" for name in self.candidates.labels)]


def answer(pipeline: DesignPipeline, request: Request, settings: SamplingSettings | None = None,
           seed: int = 0) -> Answer:
    """Generate, verify, certify and rank designs for one request."""
    scenario, contexts = pipeline.scenario, request.context[None]
    candidates = generate(pipeline, contexts, request.constraints, request.count, settings, seed)
    certificate = scenario.certify(contexts, request.constraints)
    return Answer(scenario, request, candidates, certificate, float(scenario.reference_utility(contexts)[0]))
