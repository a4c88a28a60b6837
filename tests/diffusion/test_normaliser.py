import json

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from aign.diffusion.normaliser import Normaliser
from aign.scenarios.core import registry

NORMALISER = Normaliser([0.0, -5.0], [40.0, 5.0], [1.0, 2.0, 3.0], [0.5, 1.0, 4.0])


def test_bounds_come_from_the_scenario_and_statistics_from_the_data(scenario):
    fixed = torch.rand(50, 4, generator=torch.Generator().manual_seed(0))
    fixed[:, 2] = 0.3
    fitted = Normaliser.fit(scenario, fixed)
    assert fitted.state_low == [0.0] * 4
    assert fitted.state_high == [3.0] * 4
    values = fixed.double().numpy()
    assert fitted.fixed_mean == pytest.approx(values.mean(0))
    assert fitted.fixed_std == pytest.approx(np.where(np.arange(4) == 2, 1.0, values.std(0)))
    scores = fitted.fixed(fixed)
    torch.testing.assert_close(scores.mean(0), torch.zeros(4), atol=1e-5, rtol=0)
    torch.testing.assert_close(scores.std(0, correction=0), torch.tensor([1.0, 1.0, 0.0, 1.0]), atol=1e-5, rtol=0)


def test_bounds_become_minus_one_and_one():
    raw = torch.tensor([[0.0, -5.0], [40.0, 5.0], [20.0, 0.0], [30.0, 2.5]], dtype=torch.float64)
    scaled = NORMALISER.states(raw)
    assert scaled.tolist() == [[-1.0, -1.0], [1.0, 1.0], [0.0, 0.0], [0.5, 0.5]]
    assert scaled.dtype == torch.float32
    assert NORMALISER.raw_states(scaled).tolist() == raw.tolist()


@given(st.lists(st.floats(-1, 1, width=32), min_size=12, max_size=12))
def test_scaling_back_undoes_scaling(values):
    scaled = torch.tensor(values).reshape(2, 3, 2)
    torch.testing.assert_close(NORMALISER.states(NORMALISER.raw_states(scaled)), scaled, atol=1e-6, rtol=0)


def test_fixed_observations_become_standard_scores():
    assert NORMALISER.fixed(torch.tensor([[1.0, 2.0, 3.0], [2.0, 1.0, 7.0]])).tolist() == [[0, 0, 0], [2, -1, 1]]


def test_json_changes_nothing():
    text = json.dumps(NORMALISER.to_json())
    assert Normaliser(**json.loads(text)) == NORMALISER


def test_shared_statistics_measure_all_users_alike_and_fit_any_number():
    small, large = (registry.create("power-allocation", users=users, base_stations=2) for users in (3, 5))
    generator = torch.Generator().manual_seed(0)
    fixed = [one.fixed_observation(one.draw_contexts(40, generator)) for one in (small, large)]
    shared = Normaliser.fit_shared([small, large], fixed)
    values = np.concatenate([part.double().numpy().ravel() for part in fixed])
    assert shared.fixed_mean == pytest.approx([values.mean()] * 6)
    assert shared.fixed_std == pytest.approx([values.std()] * 6)
    other = shared.at(small, large)
    again = Normaliser.fit_shared([large, small], fixed[::-1])
    for name, values in other.to_json().items():
        assert getattr(again, name) == pytest.approx(values, rel=1e-12), name
    assert len(other.state_high) == 5


def test_numbers_of_resources_stay_as_they_are():
    scenario = registry.create("offloading", servers=3, users=4)
    fixed = scenario.fixed_observation(scenario.draw_contexts(20, torch.Generator().manual_seed(0)))
    shared, pairs = Normaliser.fit_shared([scenario], [fixed]), 4 * scenario.layout.links
    assert scenario.fixed_features[-1].name == scenario.resource_feature
    assert torch.equal(shared.fixed(fixed)[:, -pairs:], fixed[:, -pairs:])
    assert set(fixed[:, -pairs:].unique().tolist()) == {0, 1, 2, 3}
    assert float(shared.fixed(fixed)[:, :-pairs].std()) == pytest.approx(1, abs=0.2)


def test_plans_of_changes_come_back_as_states():
    states = 0.2 * torch.rand(500, 4, 2, generator=torch.Generator().manual_seed(0)) - 0.1
    states[..., 1] = 0.25
    plain = Normaliser([0.0, 0.0], [1.0, 1.0], [], [])
    changing = plain.with_changes(states)
    sizes = (states[:, 1:] - states[:, :1]).abs()[..., 0].flatten().sort().values
    assert changing.change == pytest.approx([float(sizes[int(0.995 * (len(sizes) - 1))]), 1.0], rel=1e-2)
    first, following = states[:, 0], states[:, 1:]
    plan = changing.plan(following, first)
    assert plan.abs().max() == 1.0, "the rarest changes are clipped"
    torch.testing.assert_close(changing.planned(plan, first).sub(following).abs().quantile(0.98), torch.tensor(0.0))
    assert Normaliser(**changing.to_json()) == changing


def test_plans_of_states_are_left_as_they_are():
    plain, states = Normaliser([0.0], [1.0], [], []), torch.rand(3, 2, 1)
    assert plain.plan(states, states[:, 0]) is states is plain.planned(states, states[:, 0])
    assert "change" not in plain.to_json()
