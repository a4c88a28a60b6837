"""Reading YAML as its version 1.2 means it and as DVC reads it: `no` is a word, 1e-3 a number, a key stands once."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import yaml

from aign.errors import AignError

SCALARS = {
    "bool": (r"true|True|TRUE|false|False|FALSE", "tTfF"),
    "int": (r"[-+]?[0-9]+", "-+0123456789"),
    "float": (r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?|[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)",
              "-+.0123456789"),
    "null": (r"~|null|Null|NULL|", "~nN\0"),
}
"""The core schema: a plain scalar's kind by pattern, and the characters it may begin with."""


class DuplicateKeyError(yaml.MarkedYAMLError):
    """A mapping names a key twice."""


class Loader(yaml.SafeLoader):
    """PyYAML's safe loader with the scalars of YAML 1.2 and without silent duplicates."""

    yaml_implicit_resolvers: dict[str, Any] = {}  # noqa: RUF012  (the library's own name and kind)

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        """Build a mapping; refuse a key that stands twice or is not a plain value."""
        seen: set[Any] = set()
        for key_node, _ in node.value:
            if not isinstance(key_node, yaml.ScalarNode):
                raise yaml.MarkedYAMLError(problem="a key must be one word or number",
                                           problem_mark=key_node.start_mark)
            if key_node.value in seen:
                raise DuplicateKeyError(problem=f"the key {key_node.value!r} stands twice",
                                        problem_mark=key_node.start_mark)
            seen.add(key_node.value)
        return super().construct_mapping(node, deep)


for _kind, (_pattern, _first) in SCALARS.items():
    _begins = ["" if character == "\0" else character for character in _first]
    Loader.add_implicit_resolver(f"tag:yaml.org,2002:{_kind}", re.compile(rf"^(?:{_pattern})$"), _begins)


def _whole_number(loader: Loader, node: yaml.ScalarNode) -> int:
    """Read a decimal number; PyYAML takes one with a leading zero for octal, which version 1.2 does not."""
    return int(str(loader.construct_scalar(node)))


def _refused(loader: Loader, node: yaml.Node) -> None:
    raise yaml.MarkedYAMLError(problem=f"the kind {node.tag.rpartition(':')[2]} is not allowed",
                               problem_mark=node.start_mark)


Loader.add_constructor("tag:yaml.org,2002:int", _whole_number)
for _kind in ("binary", "timestamp", "omap", "pairs", "set"):
    Loader.add_constructor(f"tag:yaml.org,2002:{_kind}", _refused)


def read(path: Path, error: type[AignError]) -> Any:
    """Read a YAML file.

    Raises:
        error: the file is missing, unreadable or not YAML; the message gives the line.
    """
    try:
        return yaml.load(path.read_text(encoding="utf-8"), Loader)
    except FileNotFoundError:
        raise error(f"{path}: missing. Run from the folder that holds it, or name another file.") from None
    except yaml.MarkedYAMLError as problem:
        mark = problem.problem_mark or problem.context_mark
        place = f"line {mark.line + 1}, column {mark.column + 1}: " if mark else ""
        raise error(f"{path}: {place}{problem.problem or problem.context}. The file is not valid YAML; "
                    "mend that line.") from None
    except (OSError, ValueError, KeyError, yaml.YAMLError, RecursionError) as problem:
        reason = " ".join(str(problem).split())
        raise error(f"{path}: not readable as YAML ({type(problem).__name__}: {reason}).") from None
