"""A failed link's load on other ways: a proof of survival, against routing anew."""

import numpy as np
import pytest
import torch
from planning_cases import demands, plans, square
from planning_reference import SQUARE, least_overflow

from aign.scenarios.ip_optical_planning.rerouting import rerouted
from aign.scenarios.ip_optical_planning.solver.routing import Router


def normal_routing(demand, capacity):
    """Return the load of each link of the square while all work; None where the demand cannot be routed."""
    traffic = np.zeros((4, 4))
    traffic[SQUARE.pairs[:, 0], SQUARE.pairs[:, 1]] = demand
    routing = Router(4, SQUARE.ends, traffic + traffic.T).route(traffic + traffic.T, capacity)
    return routing.load if routing.overflow < 1e-9 else None


def test_what_is_rerouted_fits_and_can_be_routed_anew():
    proofs = misses = 0
    for context, design in zip(demands(60), plans(60, most=6), strict=True):
        demand, capacity = context.double().numpy(), 4.0 * design.numpy()
        load = normal_routing(demand, capacity)
        for failed in range(5) if load is not None else ():
            after, least = rerouted(4, SQUARE.ends, load, capacity, failed), least_overflow(SQUARE, demand, capacity,
                                                                                           failed)
            if after is None:
                misses += least > 1e-6
                continue
            proofs += 1
            assert least == pytest.approx(0.0, abs=1e-6)
            assert after[failed] == 0.0
            assert bool((after <= capacity * (1 + 1e-9)).all())
    assert proofs > 20
    assert misses > 20


def test_a_load_with_no_other_way_is_not_rerouted():
    ends, load = np.array([[0, 1], [1, 2]]), np.array([3.0, 1.0])
    assert rerouted(3, ends, load, np.array([9.0, 9.0]), 0) is None


def test_the_other_way_must_have_room_for_all_of_it():
    ends, load = np.array([[0, 1], [1, 2], [0, 2]]), np.array([3.0, 1.0, 2.0])
    np.testing.assert_allclose(rerouted(3, ends, load, np.array([3.0, 4.0, 5.0]), 0), [0.0, 4.0, 5.0], rtol=1e-7)
    assert rerouted(3, ends, load, np.array([3.0, 3.9, 5.0]), 0) is None


def test_rerouting_spares_programs_and_changes_no_verdict():
    contexts, designs = demands(40), plans(40, most=6)
    _, _, quick = square()
    _, _, slow = square()
    slow.__dict__["_simple"] = False  # rerouting is left out
    assert torch.equal(quick.carried(contexts, designs), slow.carried(contexts, designs))
    assert quick.solved < slow.solved
