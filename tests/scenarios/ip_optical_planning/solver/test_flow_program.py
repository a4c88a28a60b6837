"""The search against one whole-number program with all flows, on small random networks of every kind."""

import pytest
from flow_program import least_cost
from small_networks import KINDS, drawn

from aign.scenarios.ip_optical_planning.solver.search import ImpossibleError, Search


def differs(instance):
    """Return what the search and the flow program say where they differ, else None."""
    expected = least_cost(instance)
    try:
        answer = Search(instance).run()
    except ImpossibleError:
        return None if expected is None else (None, expected)
    same = expected is not None and abs(answer.cost - expected) <= 1e-6 * max(1.0, expected)
    return None if same and answer.gap <= 1e-9 else (answer.cost, answer.bound, expected)


@pytest.mark.parametrize("kind", KINDS)
def test_the_answer_is_that_of_the_program_with_all_flows(kind):
    wrong = {seed: differs(drawn(seed, kind)) for seed in range(21)}
    assert {seed: difference for seed, difference in wrong.items() if difference} == {}
