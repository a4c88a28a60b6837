"""What nature decides: the ranges published, the Poisson process, curves and runtimes."""

import pytest
import torch
from asp_events import curve
from asp_events import runtime as expected_runtime
from hypothesis import given
from hypothesis import strategies as st

from aign.scenarios.asp_selection.providers import Fleet, drawn_fleets, drawn_tasks, runtime


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize("largest", [900, 1500])
def test_fleets_take_every_value_of_their_grids_and_no_other(largest):
    fleet = drawn_fleets(400, 20, float(largest), generator())
    assert fleet.capacity.unique().tolist() == list(range(400, largest + 1, 100))
    assert fleet.lower.unique().tolist() == list(range(0, 91, 10))
    assert fleet.upper.unique().tolist() == list(range(150, 241, 10))
    assert (20 * fleet.height).unique().tolist() == list(range(1, 20))
    assert float(fleet.height.mean()) == pytest.approx(0.5, abs=0.01)


def test_tasks_are_a_poisson_process_with_demands_in_tens():
    arrivals, demands = drawn_tasks(200, 1000, generator())
    gaps = arrivals.diff(dim=1)
    assert (arrivals[:, 0] == 0).all()
    assert (gaps >= 0).all()
    assert torch.equal(arrivals, arrivals.round())
    assert float(gaps.mean()) == pytest.approx(1000, rel=0.01)
    assert float(gaps.std()) == pytest.approx(1000, rel=0.01)
    assert demands.unique().tolist() == list(range(100, 251, 10))


def test_runtimes_are_those_of_the_specification():
    demands = torch.arange(100, 251, 10).double()
    assert runtime(demands)[[0, -1]].tolist() == [14_760, 40_410]
    assert float(runtime(demands).mean()) == pytest.approx(27_375)
    torch.testing.assert_close(runtime(demands), torch.tensor([expected_runtime(t) for t in demands.tolist()]).double())


@given(st.integers(0, 2**31), st.integers(100, 250))
def test_curves_rise_in_a_straight_line(seed, demand):
    fleet = Fleet.of(drawn_fleets(3, 4, 900.0, generator(seed)).rows().double())
    found = fleet.utility(torch.full((3,), float(demand), dtype=torch.float64))
    expected = [[curve(demand, *values) for values in zip(*rows, strict=True)] for rows in
                zip(fleet.lower.tolist(), fleet.upper.tolist(), fleet.height.tolist(), strict=True)]
    torch.testing.assert_close(found, torch.tensor(expected, dtype=torch.float64))


def test_context_values_become_the_same_fleet_again():
    fleet = drawn_fleets(2, 3, 900.0, generator())
    again = Fleet.of(fleet.rows())
    assert all(torch.equal(getattr(again, name), getattr(fleet, name)) for name in ("capacity", "lower", "upper",
                                                                                     "height"))
