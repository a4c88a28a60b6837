"""Markdown made from templates that lie beside the modules that use them, as *.md.jinja files."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cache
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from aign.files.writing import json_text


@cache
def _environment() -> Environment:
    environment = Environment(loader=PackageLoader("aign", "."), undefined=StrictUndefined, autoescape=False,
                              trim_blocks=True, lstrip_blocks=True, keep_trailing_newline=True)
    environment.filters |= {
        "cell": cell,
        "json": json_text,
        "one_line": lambda value: json_text(value).replace("\n", "").strip(),
    }
    return environment


def render(template: str, **values: Any) -> str:
    """Return a filled template; its path is relative to the package, such as trajectories/card.md.jinja.

    Raises:
        jinja2.UndefinedError: a value that the template asks for is missing.
    """
    return _environment().get_template(template).render(**values)


def cell(value: object) -> str:
    """Return a value as a Markdown table can hold it."""
    return str(value).replace("|", "\\|")


def table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Return a Markdown table."""
    return "\n".join(f"| {' | '.join(map(cell, line))} |" for line in (head, ["---"] * len(head), *rows))
