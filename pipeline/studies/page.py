"""The studies' page: data/reports/tables/README.md, made from the JSON files and plots beside it alone.

page.md.jinja is the page; here is what it computes. A section stands where its file exists. Files recorded by earlier
programs hold plain means of normalised returns instead of pooled returns; the page then names them so.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd

from aign.engines import messages
from aign.errors import DatasetError
from aign.files.writing import read_json, write_text, writing
from studies import convergence, table_one
from studies.markdown import rendered, text, words
from studies.runs import PAGES, Run

Row = Mapping[str, Any]
FILES = ("bias", "constraints", "convergence", "rate", "table1", "table2", "tables", "transfer")
GAINS = {
    "preset": "The gains of the calibrated preset (spread 0.1). The network's constants were fitted to the paper's "
              "published utilities, so nearness to its figures is calibration, not evidence.",
    "general": "Gains whose spread is drawn anew for each network, from 0.1 to 1.",
}
RETURNS = {table_one.RETURN: "pooled return", table_one.PLAIN: "normalised return"}
COLUMNS = {"utility_ratio": "U/U*", "utility": "utility", "paper": "paper's figure",
           "training_seconds": "seconds to train", "milliseconds_per_design": "ms a design",
           "environment_steps": "environment steps"}
TRANSFER = {"utility_ratio": "U/U*", "worst_ratio": "worst U/U*", "utility": "utility",
            "milliseconds_per_design": "ms a design"}
ANSWERED = ("requests", "satisfied_raw", "satisfied", "utility_ratio_mean", "utility_ratio_worst")
HARDEST = 8
"""Sets of labels that the page lists."""
APART = ("best_known_by", "budgets", "landscape", "methods", "proof", "starts_needed")
"""What of a case of the study of rates stands under a heading of its own."""


def write(run: Run) -> None:
    """Write the page; sections of studies that were not made are left out."""
    with writing(PAGES / "README.md") as aside:
        write_text(aside, page(PAGES))
    messages.made("study page", PAGES / "README.md")


def page(folder: Path) -> str:
    """Return the page of a folder."""
    made = {path.stem: read_json(path, DatasetError) for path in sorted(folder.glob("*.json"))}
    plain = any(table_one.PLAIN in row for name in ("table1", "transfer", "bias") for row in made.get(name, []))
    helpers = {helper.__name__: helper for helper in (won, columns, answered, seed_by_seed, hardest, facts,
                                                      table_one.block, table_one.ranked)}
    return rendered("page.md.jinja", {"flat": flat, "learner": learner}, plain=plain, kinds_of_gains=GAINS,
                    COLUMNS=COLUMNS, TRANSFER=TRANSFER, pictures=partial(pictures, folder), **helpers,
                    **{name: made.get(name) for name in FILES})


def columns(rows: Sequence[Row], others: Mapping[str, str]) -> dict[str, str]:
    """Return the columns of a table of methods, the return as it was recorded."""
    measure = table_one.measure(rows[0])
    return {"method": "method", measure: RETURNS[measure], **others}


def won(rows: Sequence[Row]) -> str:
    """Return a sentence that names the best competing method and whether the runner-up can be told from it."""
    best, *rest = table_one.competing(rows)
    measure = table_one.measure(best)
    sentence = (f"Best: **{best['method']}**, {RETURNS[measure]} {text(best[measure])}, "
                f"{text(best['utility_ratio'])} of the certified optimum")
    if not rest:
        return f"{sentence}."
    low, high = best[measure]["low"], rest[0][measure]["high"]
    apart = low is not None and high is not None and low > high
    return (f"{sentence}; next {rest[0]['method']}, {text(rest[0][measure])}: the intervals "
            f"{'do not overlap' if apart else 'overlap, so no order is claimed'}.")


def learner(row: Row) -> dict[str, Any]:
    """Return where a learner first reaches the goals, as a row of a table."""
    return {"learner": convergence.NAMES.get(row["method"], row["method"]), "users": row["users"],
            "final": row["final"],
            **{f"{words(axis)} to {goal}": places[axis] for goal, places in row["reached"].items()
               for axis in ("gradient_steps", "seconds")}, "largest fall": row["largest_fall"]}


def answered(constraints: Row) -> list[dict[str, Any]]:
    """Return every method's figures, family by family."""
    methods = {"diffuser": constraints["feasible"], **constraints["controls"]}
    return [{"method": method, "family": words(family), **{name: figures.get(name) for name in ANSWERED}}
            for method, families in methods.items() for family, figures in families.items()]


def seed_by_seed(constraints: Row) -> str:
    """Return the raw satisfaction of each family at each seed."""
    return "; ".join(f"{words(family)} {' / '.join(f'{share:.1%}' for share in shares if share is not None)}"
                     for family, shares in constraints["raw_by_seed"].items())


def hardest(constraints: Row) -> list[dict[str, Any]]:
    """Return the sets of labels with the lowest raw satisfaction, lowest first."""
    rows = [{"labels": labels, **figures} for labels, figures in constraints["raw_by_labels"].items()]
    return sorted(rows, key=lambda row: float(row["satisfied_raw"]))[:HARDEST]


def facts(case: Row) -> dict[str, Any]:
    """Return what is said of a case of the study of rates in a line each."""
    return {name: value for name, value in case.items() if name not in APART or value is None}


def flat(rows: Sequence[Row]) -> list[dict[str, Any]]:
    """Return rows with the values of inner mappings as columns of their own, without columns that are empty."""
    frame = pd.json_normalize([dict(row) for row in rows], sep=" ").dropna(axis="columns", how="all").astype(object)
    return [{str(name): value for name, value in row.items()}
            for row in frame.where(frame.notna(), None).to_dict("records")]


def pictures(folder: Path, stem: str) -> list[str]:
    """Return links to the plots whose names start with a study's name."""
    return [f"![{words(path.stem)}]({path.relative_to(folder).as_posix()})"
            for path in sorted(folder.rglob(f"{stem}*.png"))]
