"""Errors a user can act on: where, what was given, what is allowed, what to do."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence

SMALLER = "Ask for less (fewer or smaller networks, batches, workers or designs), or take a larger machine."
"""What to do where memory runs out."""

REPRODUCE = "`dvc repro`; for a network under `further` in params.yaml `dvc repro pipeline/dvc.yaml`"
"""How DVC makes datasets and models that are missing or damaged."""


class AignError(Exception):
    """Anything the user can mend; the command line prints its message alone and exits with status 2."""


class ParameterError(AignError):
    """A parameter is unknown, of the wrong type or out of range."""


class ContextError(AignError):
    """A context has the wrong size or holds values that no network of the scenario can have."""


class ConstraintError(AignError):
    """A constraint is malformed, names an unknown label, or contradicts another one."""


class DatasetError(AignError):
    """A dataset folder is missing, foreign, incomplete or damaged."""


class ModelError(AignError):
    """A model folder is missing, foreign, incomplete or damaged."""


class TrustError(AignError):
    """A dataset or model names code, and the user has not said that he trusts it."""


class StorageError(AignError):
    """A file could not be written: the disk is full or the folder is read-only."""


class SolverError(AignError):
    """A solver gave up on a program that has a solution, so there is no figure to go by."""


class ResourceError(AignError):
    """The machine has too little memory for what was asked, or stopped one of our processes."""


def out_of_memory(error: Exception) -> bool:
    """Return whether an exception, of whichever library, says that memory ran out."""
    return (isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError"
            or "allocate memory" in str(error) or "bad_alloc" in str(error))


def unknown_name(kind: str, given: str, allowed: Iterable[str]) -> str:
    """Return the message for a name that does not exist, with the nearest one that does."""
    names = sorted(allowed)
    return f"Unknown {kind} {given!r}. Allowed: {', '.join(names)}.{nearest(given, names)}"


def nearest(given: str, allowed: Sequence[str]) -> str:
    """Return the question that names what may have been meant, behind a space; nothing where no name is near."""
    near = difflib.get_close_matches(given, allowed, n=1, cutoff=0.5)
    return f" Did you mean {near[0]!r}?" if near else ""
