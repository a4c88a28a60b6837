import itertools

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from aign.designs.diversity import measure, nearest, pairwise, spread
from aign.scenarios.core import registry

POWER = registry.create("power-allocation", users=2)
WATER = registry.create("water-filling", channels=2, budget=4.0)


def random_designs(seed, count, size=3):
    return torch.randint(0, 6, (count, size), generator=torch.Generator().manual_seed(seed)).float()


@given(st.integers(0, 2**31), st.integers(2, 7))
def test_distances_are_those_of_an_explicit_loop(seed, count):
    designs, memory = random_designs(seed, count), random_designs(seed + 1, 9)
    apart = [float((one - other).abs().sum()) for one, other in itertools.combinations(designs, 2)]
    assert pairwise(designs).tolist() == pytest.approx(apart)
    truth = [min(float((one - other).abs().sum()) for other in memory) for one in designs]
    assert nearest(designs, memory).tolist() == pytest.approx(truth)


def test_figures_of_an_answer_worked_out_by_hand():
    designs = torch.tensor([[10.0, 10.0], [10.0, 10.0], [14.0, 8.0], [40.0, 0.0]])
    utility, feasible = torch.tensor([100.0, 100.0, 99.7, 99.95]), torch.tensor([True, True, True, False])
    found = measure(POWER, designs, utility, feasible, torch.tensor([[10.0, 9.0], [14.0, 8.0]]))
    assert (found.designs, found.distinct) == (4, 3)
    assert found.mean_distance == pytest.approx((6 + 40 + 34) / 3)
    assert found.least_distance == 6
    assert found.mean_normalised == pytest.approx((6 + 40 + 34) / 3 / 40 / 2)
    assert found.near_best == {"0.001": 1, "0.005": 2}
    assert found.novelty == [1, 1, 0, 26 + 8]
    assert "3 of 4 are no training design" in found.sentences("level")[1]
    assert "2 within 0.5%" in found.sentences("level")[0]


def test_one_design_or_no_data_leave_figures_out():
    found = measure(WATER, torch.ones(3, 2), torch.ones(3), torch.zeros(3, dtype=torch.bool))
    assert (found.distinct, found.mean_distance, found.least_distance, found.novelty) == (1, None, None, None)
    assert found.near_best == {"0.001": 0, "0.005": 0}
    assert "not measured" in found.sentences("W")[1]


@given(st.integers(0, 2**31), st.integers(1, 5))
def test_a_spread_choice_is_good_and_at_least_half_as_spread_as_the_best_choice(seed, count):
    designs = random_designs(seed, 8)
    generator = torch.Generator().manual_seed(seed)
    utility, feasible = 100 + torch.rand(8, generator=generator), torch.rand(8, generator=generator) < 0.8
    chosen = spread(designs, utility, feasible, count, share=0.005)
    if not bool(feasible.any()):
        assert chosen == [0]
        return
    best = float(utility[feasible].amax())
    assert float(utility[chosen[0]]) == best
    assert all(bool(feasible[one]) and float(utility[one]) >= best * 0.995 for one in chosen)
    assert len(designs[chosen].unique(dim=0)) == len(chosen) <= count
    good = [place for place in range(8) if feasible[place] and float(utility[place]) >= best * 0.995]
    different = len(designs[good].unique(dim=0))
    assert len(chosen) == min(count, different)
    if len(chosen) > 1:
        others = [place for place in good if place != chosen[0]]
        most = max(float(pairwise(designs[[chosen[0], *rest]]).amin())
                   for rest in itertools.combinations(others, len(chosen) - 1))
        assert float(pairwise(designs[chosen]).amin()) >= most / 2
