"""The search against enumeration and an independent router, on small networks and on real ones."""

import numpy as np
import pytest
from small_networks import cheapest, drawn, routed

from aign.scenarios.ip_optical_planning.solver.search import Impossible, Search

KINDS = ("links", "none", "nodes", "groups", "parallel")


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("seed", range(8))
def test_the_answer_is_the_cheapest_plan_of_all(kind, seed):
    instance = drawn(seed, kind)
    expected = cheapest(instance)
    if expected is None:
        with pytest.raises(Impossible):
            Search(instance).run()
        return
    answer = Search(instance).run()
    assert answer.cost == pytest.approx(expected)
    assert answer.bound == pytest.approx(expected)
    assert all(routed(instance, answer.plan, scenario) for scenario in range(instance.scenarios))
