"""How an answer is shown: the table of the terminal, and files that are written together."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.box import SIMPLE_HEAD
from rich.markup import escape
from rich.table import Table

from aign.designs.diagnosis import Diagnosis
from aign.files.writing import writing
from aign.scenarios.core.constraints import written

if TYPE_CHECKING:
    from matplotlib.figure import Figure

WRITTEN_OUT = 128
"""Most values of a design that the terminal shows."""
NARROW = 80
"""Columns of the usual terminal."""


def design_table(title: str, caption: Sequence[str], labels: Sequence[str],
                 rows: Sequence[Mapping[str, Any]]) -> Table:
    """Return the terminal's table of designs, of which each row holds the figures and the labels by name."""
    table = Table(title=title, caption=escape("\n".join(caption)), caption_justify="left", box=SIMPLE_HEAD,
                  collapse_padding=True, pad_edge=False)
    lines = [design_line(row, labels) for row in rows]
    names = [name.replace("_", "\n") for name in labels]  # so that the columns are hardly wider than their figures
    columns = list(zip(("rank", "met", "utility", "gap", *names), *lines, strict=True))
    # Figures are never cut; nor are words of headings where that leaves room on the usual terminal.
    words = [max(len(part) for cell in column for part in cell.split()) for column in columns]
    whole = sum(words) + 2 * (len(words) - 1) <= NARROW
    for width, (heading, *figures) in zip(words, columns, strict=True):
        table.add_column(heading, justify="right", overflow="fold",
                         min_width=width if whole else max(map(len, figures)))
    for row, line in zip(rows, lines, strict=True):
        table.add_row(*line, style="" if row["feasible"] else "red")
    return table


def design_line(row: Mapping[str, Any], labels: Sequence[str]) -> list[str]:
    """Return what the table shows of one design, except the design itself."""
    gap = "-" if row["gap"] is None else f"{row['gap']:.3%}"
    return [str(row["rank"]), "yes" if row["feasible"] else "no", f"{row['utility']:.4f}", gap,
            *(written(row[name], 4) for name in labels)]


def nearest_sentence(diagnosis: Diagnosis | None) -> list[str]:
    """Return the line on the nearest design that can be had where a request cannot be met; no line without one."""
    if diagnosis is None or diagnosis.design is None:
        return []
    labels = ", ".join(f"{name} {written(value, 4)}" for name, value in diagnosis.labels.items())
    return [f"Nearest feasible design, with {diagnosis.cause} relaxed as said: "
            f"{written_out(diagnosis.design.tolist())}; utility {diagnosis.utility:.4f}, {labels}."]


def written_out(design: Sequence[float]) -> str:
    """Return the values of a design for the terminal, the last of very many left out."""
    more = f" ... ({len(design)} values)" if len(design) > WRITTEN_OUT else ""
    return " ".join(f"{value:g}" for value in design[:WRITTEN_OUT]) + more


def save_figure(figure: Figure, path: Path) -> None:
    """Write a PNG file: equal content is equal bytes."""
    figure.savefig(path, dpi=120, format="png", metadata={"Software": None})


def write_together(stem: Path, writers: Mapping[str, Callable[[Path], object]]) -> list[Path]:
    """Let each writer write the file with its ending; they take their places when the last one is whole."""
    paths = {ending: stem.with_name(f"{stem.name}{ending}") for ending in writers}
    with ExitStack() as together:
        for ending, write in writers.items():
            write(together.enter_context(writing(paths[ending])))
    return list(paths.values())
