"""JSON as readable Markdown: tables of rows, means with their intervals, nested blocks under headings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

LONGEST_TABLE = 60
"""Rows shown; a curve of thousands of points belongs in its plot."""
LONGEST_LIST = 20
LONGEST_TEXT = 100
"""Letters of a nested value that still fits into a cell."""
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
    """Return one cell of a table."""
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int | float):
        return number(value)
    if isinstance(value, Mapping) and value.keys() == INTERVAL:
        return interval(value)
    if isinstance(value, Mapping):
        return ", ".join(f"{name}: {text(inner)}" for name, inner in value.items())
    if isinstance(value, Sequence) and not isinstance(value, str):
        return ", ".join(map(text, value)) if len(value) <= LONGEST_LIST else f"{len(value)} values"
    return str(value).replace("|", "\\|").replace("\n", " ")


def interval(value: Mapping[str, Any]) -> str:
    """Return a mean with its interval, such as 0.99912 [0.99881, 0.99943]."""
    mean, low, high = (value[name] for name in ("mean", "low", "high"))
    if mean is None:
        return "-"
    if low is None or high is None:
        return f"{mean:.5f}"
    return f"{mean:.5f} [{low:.5f}, {high:.5f}]"


def table(rows: Sequence[Mapping[str, Any]], columns: Mapping[str, str] | None = None) -> str:
    """Return rows as a table; all their keys are columns unless columns (key -> heading) are given."""
    names = columns or {name: name.replace("_", " ") for row in rows for name in row}
    lines = [names.values(), ["---"] * len(names), *([text(row.get(name)) for name in names] for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def block(value: Any, level: int) -> str:
    """Return any JSON value as Markdown; blocks inside it get headings of this level and below."""
    if isinstance(value, Mapping):
        return _mapping(value, level)
    if is_rows(value):
        return _rows(value, level)
    if isinstance(value, list) and value and all(isinstance(line, str) for line in value):
        return "\n".join(f"- {text(line)}" for line in value)
    return text(value)


def is_rows(value: Any) -> bool:
    """Return whether a value is a list of rows."""
    return isinstance(value, list) and len(value) > 0 and all(isinstance(row, Mapping) for row in value)


def _rows(rows: Sequence[Mapping[str, Any]], level: int) -> str:
    if all(map(_flat, rows)):
        if len(rows) > LONGEST_TABLE:
            return f"{len(rows)} rows; they stand in the JSON file and are drawn in the plot."
        return table(rows)
    return "\n\n".join(f"{_heading(_named(row, place), level)}\n\n{_mapping(row, level + 1)}"
                       for place, row in enumerate(rows, start=1))


def _mapping(value: Mapping[str, Any], level: int) -> str:
    """Return a table where the values are rows alike, else a list of what is simple and a part for each block."""
    inner = list(value.values())
    if value and all(isinstance(row, Mapping) and row.keys() != INTERVAL and _flat(row) for row in inner) and \
            set.intersection(*map(set, inner)):
        return table([{"": _words(name), **row} for name, row in value.items()])
    if value and all(is_rows(rows) and all(map(_flat, rows)) for rows in inner):
        return _rows([{"": _words(name), **row} for name, rows in value.items() for row in rows], level)
    parts = ["\n".join(f"- {_words(name)}: {text(one)}" for name, one in value.items() if not _nested(one))]
    parts += [f"{_heading(_words(name), level)}\n\n{block(one, level + 1)}"
              for name, one in value.items() if _nested(one)]
    return "\n\n".join(part for part in parts if part)


def _named(row: Mapping[str, Any], place: int) -> str:
    """Return a title for a row that has blocks of its own: its name, or else its place."""
    return str(next((row[key] for key in ("name", "case", "claim", "method") if isinstance(row.get(key), str)), place))


def _heading(name: str, level: int) -> str:
    return f"{'#' * min(level, 6)} {name[:1].upper()}{name[1:]}"


def _words(name: str) -> str:
    return name.replace("_", " ")


def _nested(value: Any) -> bool:
    """Return whether a value is a block: it does not fit into one cell or line."""
    if isinstance(value, Mapping):
        return value.keys() != INTERVAL
    return is_rows(value) or (isinstance(value, list) and any(isinstance(one, list) or len(str(one)) > LONGEST_TEXT
                                                              for one in value))


def _flat(row: Mapping[str, Any]) -> bool:
    """Return whether a row holds no blocks, or only small ones that fit into a cell."""
    return not any(_nested(one) and (is_rows(one) or len(text(one)) > LONGEST_TEXT) for one in row.values())
