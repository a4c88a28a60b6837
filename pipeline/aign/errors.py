"""Errors a user can act on: where, what was given, what is allowed, what to do."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence

SMALLER = "Ask for less (fewer or smaller networks, batches, workers or designs), or take a larger machine."
"""What to do where memory runs out."""

REPRODUCE = "`dvc repro`; for a network under `further` in params.yaml `dvc repro pipeline/dvc.yaml`"
"""How DVC makes datasets and models that are missing or damaged."""


class AignError(Exception):
    """Base of all errors that a user can correct.

    The message says where, what was given, what is allowed and what to do. The command line prints it alone and exits
    with status 2. Of each kind below, the first sentence says when it occurs, the second what to do.
    """


class ParameterError(AignError):
    """A setting, option or scenario parameter is unknown, of the wrong type or out of range.

    Correct it at the place that the message names, in params.yaml, the mapping of a log or the command line.
    """


class ContextError(AignError):
    """A context has the wrong number of values, or values that no network of the scenario can have.

    Give values within the ranges that the message states, or a preset: `aign scenarios` lists the presets.
    """


class ConstraintError(AignError):
    """A constraint is malformed, names an unknown label, or contradicts another constraint.

    Write `label <= number` or `label >= number` with a label of the scenario, and relax one that contradicts another.
    """


class DatasetError(AignError):
    """A dataset or log is missing, incomplete, damaged, or of another kind than expected.

    Make it again with the stage or command that the message names, or give another folder.
    """


class ModelError(AignError):
    """A model folder is missing, incomplete, damaged, or of another kind than expected.

    Train it again with the stage or command that the message names, or give another folder.
    """


class TrustError(AignError):
    """A dataset or model names code that opening it would run, and the user has not said that he trusts it.

    If you know the code and trust it, say so with --trust-code or, in Python, `trust_code=True`.
    """


class StorageError(AignError):
    """A file could not be written, or was damaged since: a full disk, a read-only folder, another process.

    Free space, change permissions, wait for the other process, or give another folder; then run the command again.
    """


class SolverError(AignError):
    """A solver stopped without a result on a problem that has a solution, so there is nothing to rely on.

    Change the seed or the parameters slightly, and report the message if it occurs again.
    """


class ResourceError(AignError):
    """The machine has too little memory for what was asked, or stopped one of our processes.

    Ask for fewer or smaller networks, batches, workers or designs, or take a larger machine.
    """


def out_of_memory(error: Exception) -> bool:
    """Return whether an exception, of whichever library, says that memory ran out."""
    return (isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError"
            or "allocate memory" in str(error) or "bad_alloc" in str(error))


def unknown_name(kind: str, name: str, allowed: Iterable[str]) -> str:
    """Return the message for a name that does not exist, with the nearest one that does."""
    names = sorted(allowed)
    return f"Unknown {kind} {name!r}. Allowed: {', '.join(names)}.{nearest(name, names)}"


def nearest(name: str, allowed: Sequence[str]) -> str:
    """Return " Did you mean ...?" with the allowed name most like this one, or "" where none is like it."""
    near = difflib.get_close_matches(name, allowed, n=1, cutoff=0.5)
    return f" Did you mean {near[0]!r}?" if near else ""
