"""Rows sharpened by fibre pairs: no survivable plan breaks one, and fractions of a pair do."""

import numpy as np
import pytest
from small_networks import drawn

from aign.scenarios.ip_optical_planning.solver.answers import Limits
from aign.scenarios.ip_optical_planning.solver.fibre_rows import sharpened
from aign.scenarios.ip_optical_planning.solver.search import Search


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("kind", ["two layers", "two layers dropped"])
def test_no_whole_plan_that_meets_a_row_breaks_what_is_made_of_it(seed, kind):
    instance = drawn(seed, kind)
    search = Search(instance, Limits(rounds=0))
    search.run()
    random, (low, matrix) = np.random.default_rng(seed), instance.structure()
    whole = random.integers(0, 3, (4000, instance.columns)).astype(float)
    whole = whole[(whole[:, instance.links + instance.routes:] <= 1).all(1)]
    whole = whole[(whole @ matrix.T >= low).all(1)]
    rows, columns = search.rows.low, search.rows.matrix
    made = 0
    for _ in range(10):
        for row in range(len(rows)):
            needed, sharp = sharpened(instance, rows[row:row + 1], columns[row:row + 1],
                                      random.random(instance.columns) * 1.5)
            meets = whole[whole @ columns[row] >= rows[row]]
            made += len(needed)
            assert (meets @ sharp.T >= needed - 1e-9).all()
    assert made > 0


def test_a_fraction_of_a_pair_breaks_a_row():
    instance = drawn(1, "two layers")
    assert instance.fibres is not None
    needed = np.array([1.0])
    row = np.zeros((1, instance.columns))
    row[0, :instance.links] = 1.0
    plan = np.zeros(instance.columns)
    plan[0] = 1.0
    plan[instance.links:instance.links + instance.routes] = instance.fibres.over[:, 0] / instance.fibres.channels / 2
    low, sharp = sharpened(instance, needed, row, plan)
    assert low.tolist() == [1.0]
    assert sharp[0] @ plan < 1.0
