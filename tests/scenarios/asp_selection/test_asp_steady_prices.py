"""Steady prices: they minimise the dual of the fluid program, and capacity that is never short costs nothing."""

import torch

from aign.scenarios.asp_selection.prices import FILLED, KINDS, occupancy, steady_prices
from aign.scenarios.asp_selection.providers import Fleet, drawn_fleets, runtime


def dual(fleet, prices):
    """Return the bound on the utility of a mean task at prices (B, J) of the fleet, (B,)."""
    worth = fleet.utility(KINDS.expand(len(prices), -1)) - prices[:, None] * occupancy(KINDS)[None, :, None]
    return FILLED * (prices * fleet.capacity).sum(1) + worth.amax(2).clamp_min(0.0).mean(1)


def test_no_prices_near_by_give_a_lower_bound():
    generator = torch.Generator().manual_seed(0)
    fleet = Fleet.of(drawn_fleets(3, 8, 900.0, generator).rows().double())
    prices = steady_prices(fleet)
    assert (prices >= 0).all()
    assert (prices > 0).any(1).all()
    least = dual(fleet, prices)
    for size in (1e-6, 1e-5, 1e-4):
        for _ in range(40):
            moved = (prices + size * torch.randn(prices.shape, generator=generator).double()).clamp_min(0.0)
            assert (dual(fleet, moved) >= least - 1e-12).all()


def test_ample_capacity_costs_nothing_and_a_mean_task_occupies_the_offered_load():
    fleet = Fleet.of(drawn_fleets(1, 4, 900.0, torch.Generator().manual_seed(1)).rows().double())
    wide = Fleet(1e6 * fleet.capacity, fleet.lower, fleet.upper, fleet.height)
    assert steady_prices(wide).abs().max() < 1e-9
    assert float(occupancy(KINDS).mean()) == float((KINDS * runtime(KINDS)).mean() / 1000.0)
