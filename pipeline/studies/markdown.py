"""Figures, lists and tables as Markdown, and pages filled from the templates (*.md.jinja) in this folder."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from tabulate import tabulate

LONGEST_LIST = 20
INTERVAL = {"mean", "low", "high"}


def number(value: float) -> str:
    """Return a number with its telling digits: five below 1, where shares of an optimum lie, two decimals from 100."""
    if isinstance(value, int) or float(value).is_integer():
        return f"{int(value):,}".replace(",", " ")
    if 0.99 <= abs(value) < 1:
        return f"{value:.5f}"
    if abs(value) >= 100:
        return (f"{value:.2f}" if abs(value) < 10_000 else f"{value:,.0f}").replace(",", " ")
    return f"{value:.4g}"


def text(value: Any) -> str:
    """Return a JSON value as it stands in a cell or a line."""
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int | float):
        return number(value)
    if isinstance(value, Mapping):
        return interval(value) if value.keys() == INTERVAL else \
            ", ".join(f"{name}: {text(inner)}" for name, inner in value.items())
    if isinstance(value, Sequence) and not isinstance(value, str):
        return ", ".join(map(text, value)) if len(value) <= LONGEST_LIST else f"{len(value)} values"
    return str(value).replace("|", "\\|").replace("\n", " ")


def interval(value: Mapping[str, float | None]) -> str:
    """Return a mean with its interval, such as 0.99912 [0.99881, 0.99943]."""
    mean, low, high = (value[name] for name in ("mean", "low", "high"))
    if mean is None:
        return "-"
    return f"{mean:.5f}" if low is None or high is None else f"{mean:.5f} [{low:.5f}, {high:.5f}]"


def table(rows: Sequence[Mapping[str, Any]], columns: Mapping[str, str] | None = None) -> str:
    """Return rows as a table; all their keys are columns unless columns (key -> heading) are given."""
    names = columns or {name: words(name) for row in rows for name in row}
    lines: str = tabulate([[text(row.get(name)) for name in names] for row in rows], list(names.values()), "github",
                          disable_numparse=True, stralign=None)
    return lines


def by_name(values: Mapping[str, Any], heading: str = "") -> str:
    """Return a mapping whose values are rows as a table, the names in its first column."""
    return table([{heading: words(name), **row} for name, row in values.items()])


def listing(values: Mapping[str, Any]) -> str:
    """Return a mapping as a list, a line for each name."""
    return "\n".join(f"- {words(name)}: {text(value)}" for name, value in values.items())


def words(name: str) -> str:
    """Return a name as readers see it."""
    return name.replace("_", " ")


def rendered(template: str, filters: Mapping[str, Callable[..., Any]], **values: Any) -> str:
    """Return a template filled with values; it may use these filters, and the functions of this module."""
    environment = Environment(loader=FileSystemLoader(Path(__file__).parent), undefined=StrictUndefined,
                              autoescape=False, trim_blocks=True, lstrip_blocks=True, keep_trailing_newline=True)
    environment.filters |= {"text": text, "table": table, "by_name": by_name, "listing": listing, "words": words,
                            **filters}
    return environment.get_template(template).render(**values)
