"""The search against one whole-number program with all flows, on small random networks of every kind."""

import pytest
from flow_program import agrees
from small_networks import KINDS, drawn

NETWORKS = 21
"""Of each kind."""


@pytest.mark.parametrize("kind", KINDS)
def test_the_answer_is_that_of_the_program_with_all_flows(kind):
    checked = {seed: agrees(drawn(seed, kind)) for seed in range(NETWORKS)}
    assert [seed for seed, (same, _) in checked.items() if not same] == []
    assert sum(possible for _, possible in checked.values()) >= NETWORKS / 2
