"""What other people's code raises or returns, told as one error that says where, what came and what is allowed."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np

from aign.errors import ParameterError, out_of_memory

LONGEST = 160
"""Most characters of a value or a message in an error."""
LIBRARIES = ("aign", "gymnasium", "numpy")
"""Packages whose lines are not named as the place of a fault: it lies in code that they call, or that calls them."""
BOOLEANS = (bool, np.bool_)


class ForeignCall:
    """A block in which other people's code runs: what it raises becomes one `ParameterError`.

    `MemoryError` and interrupts pass unchanged. An attempt to end the process counts as an exception.
    """

    __slots__ = ("_remedy", "_where")

    def __init__(self, where: Callable[[], str], remedy: Callable[[BaseException], str] = lambda error: "") -> None:
        """Take who is called, asked only when something is raised, and what to do about an exception."""
        self._where, self._remedy = where, remedy

    def __enter__(self) -> None:
        """Change nothing."""

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None,
                 trace: TracebackType | None) -> None:
        """Raise the error that says where and what.

        Raises:
            ParameterError: the block raised an exception.
        """
        if isinstance(error, Exception | SystemExit) and not (isinstance(error, Exception) and out_of_memory(error)):
            raise ParameterError(f"{self._where()}: raised {described(error)}.{self._remedy(error)}") from error


def described(error: BaseException) -> str:
    """Return type and message of an exception on one line, with file and line of other people's code it came from."""
    text = f"{type(error).__name__}: {_one_line(error, str)}".removesuffix(": ").rstrip(".")
    place, trace = "", error.__traceback__
    while trace is not None:
        frame = trace.tb_frame
        if str(frame.f_globals.get("__name__", "")).partition(".")[0] not in LIBRARIES:
            place = f" ({Path(frame.f_code.co_filename).name}, line {trace.tb_lineno})"
        trace = trace.tb_next
    return text + place


def brief(value: Any) -> str:
    """Return a value on one line, an array with its shape, cut where it is long."""
    shape = getattr(value, "shape", None)
    return _one_line(value, repr) + (f" of shape {shape}" if isinstance(shape, tuple) and shape else "")


def number(value: Any) -> float | None:
    """Return one finite number as a float; None for everything else: text, arrays with axes, NaN, infinity."""
    if type(value) is not float:
        try:
            if isinstance(value, str | bytes) or np.ndim(value):
                return None
            value = float(value)
        except Exception:  # whatever an object of other people's does when it is asked for a number, it is none
            return None
    return value if math.isfinite(value) else None


def flag(value: Any) -> bool | None:
    """Return a truth value as a bool: True, False, or a whole number 0 or 1; None for everything else."""
    if isinstance(value, BOOLEANS):
        return bool(value)
    whole = number(value)
    return bool(whole) if whole in (0.0, 1.0) and not isinstance(value, float | np.floating) else None


def _one_line(value: Any, text_of: Callable[[Any], str]) -> str:
    try:
        text = " ".join(text_of(value).split())
    except Exception:  # its own text cannot be had either
        return f"a {type(value).__name__}"
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}..."
