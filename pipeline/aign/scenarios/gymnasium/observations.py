"""Observations as flat vectors, each checked against the space it must lie in.

The vectors are those of `gymnasium.spaces.utils.flatten`. Its own check, `Space.contains`, says no more than yes or no,
and refuses float64 numbers in a float32 space, which do no harm; so the values are checked here.

Axes: S observed values.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from gymnasium import spaces
from gymnasium.spaces.utils import flatten
from numpy.typing import NDArray

from aign.scenarios.gymnasium.faults import brief, described

Values = NDArray[np.float64]
Flatten = Callable[[Any], Values]
"""From an observation to a new vector (S,)."""
ROUNDING = 1e-6
"""How far a number may lie beyond its bound, as a share of the range: what rounding to float32 makes of the bound."""
LARGEST_NUMBER = float(np.finfo(np.float32).max)


class OutsideSpaceError(ValueError):
    """A value that does not lie in its space; the message says which part, what came and what is allowed."""


def flattener(space: spaces.Space[Any], part: str = "the observation") -> Flatten:
    """Return the function that flattens values of a space into float64 vectors (S,), copies, and checks them.

    It raises `OutsideSpaceError` for a value of another structure, shape or type, for a number beyond the bounds (by
    more than rounding), and for one that is not finite as a float32.
    """
    if isinstance(space, spaces.Dict):
        return _mapping(space, part)
    if isinstance(space, spaces.Tuple):
        return _sequence(space, part)
    makers: tuple[tuple[type[Any], Callable[[Any, str], Flatten]], ...] = (
        (spaces.Box, _box), (spaces.Discrete, _choice), (spaces.MultiDiscrete, _choices),
        (spaces.MultiBinary, _switches))
    for kind, make in makers:
        if isinstance(space, kind) and type(space).contains is kind.contains:
            return make(space, part)
    return _other(space, part)


def _mapping(space: spaces.Dict, part: str) -> Flatten:
    parts = {key: flattener(inner, f"{part}[{key!r}]") for key, inner in space.spaces.items()}
    allowed = f"a mapping with the keys {', '.join(map(repr, parts))}"

    def flat(value: Any) -> Values:
        if not isinstance(value, Mapping):
            raise OutsideSpaceError(f"{part} is {brief(value)}; its space allows {allowed}")
        if value.keys() != parts.keys():
            keys = ", ".join(map(repr, value)) or "none"
            raise OutsideSpaceError(f"{part} has the keys {keys}; its space allows {allowed}")
        return np.concatenate([inner(value[key]) for key, inner in parts.items()])
    return flat


def _sequence(space: spaces.Tuple[Any], part: str) -> Flatten:
    parts = [flattener(inner, f"{part}[{place}]") for place, inner in enumerate(space.spaces)]

    def flat(value: Any) -> Values:
        if not isinstance(value, tuple | list | np.ndarray) or len(value) != len(parts):
            raise OutsideSpaceError(f"{part} is {brief(value)}; its space allows a tuple of {len(parts)} values")
        return np.concatenate([inner(item) for inner, item in zip(parts, value, strict=True)])
    return flat


def _box(space: spaces.Box, part: str) -> Flatten:
    whole = np.issubdtype(space.dtype, np.integer)
    lowest, highest = space.low.astype(np.float64), space.high.astype(np.float64)
    low, high = _widened(lowest, lowest, highest, -1.0 + whole), _widened(highest, lowest, highest, 1.0 - whole)

    def flat(value: Any) -> Values:
        numbers = _numbers(value, space, part, whole)
        vector = numbers.astype(np.float64)
        inside = (vector >= low) & (vector <= high)
        if not inside.all():
            place = tuple(np.argwhere(~inside)[0].tolist())
            at = f"{part}{list(place)}" if place else part
            raise OutsideSpaceError(f"{at} is {numbers[place]}; its space allows "
                                    f"{_bounds(lowest[place], highest[place])}")
        return (vector if numbers.dtype == space.dtype else numbers.astype(space.dtype).astype(np.float64)).ravel()
    return flat


def _widened(bound: Values, low: Values, high: Values, sign: float) -> Values:
    """Return bounds moved outwards by what rounding may do, but none beyond the largest number of float32."""
    span = np.where(np.isfinite(low) & np.isfinite(high), high - low, 0.0)
    slack = ROUNDING * np.maximum(span, np.where(np.isfinite(bound), np.abs(bound), 0.0))
    return np.clip(bound + sign * slack, -LARGEST_NUMBER, LARGEST_NUMBER)


def _choice(space: spaces.Discrete, part: str) -> Flatten:
    count, start = int(space.n), int(space.start)

    def flat(value: Any) -> Values:
        try:
            place = operator.index(bool(value) if isinstance(value, np.bool_) else value) - start
        except TypeError:
            place = -1
        if not 0 <= place < count:
            raise OutsideSpaceError(f"{part} is {brief(value)}; its space allows whole numbers from {start} to "
                               f"{start + count - 1}")
        vector = np.zeros(count)
        vector[place] = 1.0
        return vector
    return flat


def _choices(space: spaces.MultiDiscrete, part: str) -> Flatten:
    counts, start = space.nvec.astype(np.int64), space.start.astype(np.int64)
    firsts = np.cumsum(counts.ravel()) - counts.ravel()
    size = int(counts.sum())

    def flat(value: Any) -> Values:
        places = _numbers(value, space, part, True) - start
        if not ((places >= 0) & (places < counts)).all():
            raise OutsideSpaceError(f"{part} is {brief(value)}; its space allows {brief(space)}")
        vector = np.zeros(size)
        vector[firsts + places.ravel().astype(np.int64)] = 1.0
        return vector
    return flat


def _switches(space: spaces.MultiBinary, part: str) -> Flatten:
    def flat(value: Any) -> Values:
        numbers = _numbers(value, space, part, True)
        if not ((numbers == 0) | (numbers == 1)).all():
            raise OutsideSpaceError(f"{part} is {brief(value)}; its space allows 0 and 1")
        return numbers.astype(np.float64).ravel()
    return flat


def _other(space: spaces.Space[Any], part: str) -> Flatten:
    """Return the function for a space of another kind, which checks and flattens by itself."""
    def flat(value: Any) -> Values:
        try:
            inside = bool(space.contains(value))
            vector = np.array(flatten(space, value), np.float64) if inside else np.empty(0)
        except Exception as error:
            raise OutsideSpaceError(f"{part} is {brief(value)}, at which its space {brief(space)} raised "
                               f"{described(error)}") from error
        if not inside:
            raise OutsideSpaceError(f"{part} is {brief(value)}; its space is {brief(space)}")
        return vector
    return flat


def _numbers(value: Any, space: spaces.Space[Any], part: str, whole: bool) -> NDArray[Any]:
    """Return a value as an array of numbers of the space's shape; whole ones where asked."""
    try:
        numbers = np.asarray(value)
    except Exception:  # nested lists of unequal lengths, arrays on other devices
        numbers = np.empty(0, object)
    if numbers.dtype.kind not in "fiub" or numbers.shape != space.shape:
        came = f"is {brief(value)}" if numbers.dtype.kind not in "fiub" else f"has the shape {numbers.shape}"
        raise OutsideSpaceError(f"{part} {came}; its space allows numbers of shape {space.shape}")
    if whole and numbers.dtype.kind == "f" and not (numbers == np.rint(numbers)).all():
        raise OutsideSpaceError(f"{part} is {brief(value)}; its space allows whole numbers")
    return numbers


def _bounds(low: float, high: float) -> str:
    if np.isinf(low) and np.isinf(high):
        return "any finite number"
    return f"numbers from {low} to {high}"
