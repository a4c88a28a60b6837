"""Inequalities of lightpaths sharpened by the fibre pairs below: mixed-integer rounding on chosen fibre routes.

A row asks for D of the lightpaths across some border. Those over a set E of fibre routes number at most W times the
pairs y(E) lit there, so the others must make up for the rest; since y(E) is whole,

    sum of the other lightpaths + r y(E) >= r ceil(D / W),    r = D - W (ceil(D / W) - 1).

A relaxation that lights fractions of a pair breaks it. With lightpaths of weights up to a, W counts a times. After
Magnanti, Mirchandani and Vachani (1995) and Koster et al. (2007).

Axes: R rows, L lightpaths, F fibre routes, C values of a plan.
"""

from __future__ import annotations

import numpy as np

from aign.scenarios.ip_optical_planning.solver.instance import Flags, Floats, Instance

NEAR = 1.0
"""Rows whose slack is below this are sharpened."""
MOST = 60
"""Rows returned at once."""
LEAST = 1e-3
"""Violation, over the length of the row, below which a row is not worth having."""


def sharpened(instance: Instance, low: Floats, matrix: Floats, plan: Floats) -> tuple[Floats, Floats]:
    """Return inequalities (R,), (R, C) that a plan (C,) breaks, made from rows (R,), (R, C) that it nearly breaks."""
    if instance.fibres is None:
        return np.empty(0), np.empty((0, instance.columns))
    weights, pairs, drops = np.split(matrix, [instance.links, instance.links + instance.routes], 1)
    plain = (pairs == 0).all(1) & ((drops == 0) | (drops >= low[:, None])).all(1) & (low == np.floor(low))
    near = plain & (matrix @ plan - low < NEAR)
    low, weights, dropped = low[near], weights[near], drops[near] > 0
    held = instance.fibres.channels * weights.max(1, initial=1.0)
    times = np.ceil(low / held - 1e-9)
    rest = low - held * (times - 1)
    modules, lit, _ = instance.parts(plan)
    over = instance.fibres.over.astype(np.float64)
    chosen = _routes(weights * modules, rest, lit, over)
    other = np.where(chosen.astype(np.float64) @ over > 0, 0.0, weights)
    needed = rest * times
    rows = np.hstack([other, rest[:, None] * chosen, needed[:, None] * dropped])
    excess = (needed - rows @ plan) / np.maximum(1.0, np.linalg.norm(rows, axis=1))
    worst = np.argsort(-excess, kind="stable")[:MOST]
    worst = worst[excess[worst] > LEAST]
    return needed[worst], rows[worst]


def _routes(load: Floats, rest: Floats, lit: Floats, over: Floats) -> Flags:
    """Return the fibre routes (R, F) of each row, greedily: those whose lightpaths outweigh `rest` times their pairs.

    Args:
        load: (R, L) weighted lightpaths of each row.
        rest: (R,).
        lit: (F,) fibre pairs.
        over: (F, L) routes of each lightpath.
    """
    chosen, left, rows = np.zeros((len(load), len(lit)), bool), load.copy(), np.arange(len(load))
    while len(rows):
        gain = np.where(chosen[rows], 0.0, left[rows] @ over.T - rest[rows, None] * lit)
        best = gain.argmax(1)
        better = gain[np.arange(len(rows)), best] > 1e-7
        rows, best = rows[better], best[better]
        chosen[rows, best] = True
        left[rows] *= 1.0 - over[best]
    for route in range(len(lit)):  # others chosen since may carry the same lightpaths
        fewer = chosen.copy()
        fewer[:, route] = False
        uncovered = (load * (fewer.astype(np.float64) @ over == 0)).sum(1)
        covered = (load * (chosen.astype(np.float64) @ over == 0)).sum(1)
        drop = chosen[:, route] & (uncovered - covered < rest * lit[route] - 1e-9)
        chosen[drop, route] = False
    return chosen
