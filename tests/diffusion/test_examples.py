import numpy as np
import pytest
import torch

from aign.diffusion import examples
from aign.diffusion.conditions import Conditions
from aign.diffusion.normaliser import Normaliser


@pytest.fixture(scope="module")
def rows(dataset):
    return dataset.rows("train", ["solver-guided"])


@pytest.fixture(scope="module")
def statistics(dataset, rows, make_settings):
    return examples.statistics([dataset], [rows], make_settings())


def test_statistics_are_those_of_the_given_rows_alone(dataset, rows, statistics, make_settings):
    normaliser, conditions = statistics
    gains = dataset.column("context")[rows].double().numpy()
    assert normaliser.fixed_mean == pytest.approx(gains.mean(0))
    assert normaliser.fixed_std == pytest.approx(gains.std(0))
    assert list(conditions.labels) == ["total_power", "max_power", "active_channels"]
    values = [dataset.column(name)[rows].double().numpy() for name in conditions.labels]
    for place, value in enumerate(values):
        assert min(value) <= conditions.knots[place][0] <= conditions.knots[place][-1] <= max(value)
    assert conditions.knots[1] == pytest.approx(np.unique(np.quantile(values[1], (np.arange(65) + 0.5) / 65)))
    everything = examples.statistics([dataset], [dataset.rows("train")], make_settings())
    assert everything != statistics


def test_whole_episodes_become_normalised_tensors(dataset, rows, statistics):
    data = examples.load(dataset, rows, 8, *statistics)
    assert len(data) == len(rows)
    observations = dataset.column("observations")[rows]
    np.testing.assert_allclose(data.states, observations[..., :4] / 1.5 - 1, atol=1e-6)
    assert torch.equal(data.actions, dataset.column("actions")[rows])
    gains = dataset.column("context")[rows]
    np.testing.assert_allclose(data.fixed, (gains - gains.mean(0)) / gains.std(0, correction=0), atol=1e-5)
    returns = dataset.column("return_normalised")[rows]
    assert torch.equal(data.returns, returns.float())
    labels = {name: dataset.column(name)[rows] for name in statistics[1].labels}
    assert torch.equal(data.conditions, statistics[1].encode(returns, labels))
    assert torch.equal(data.known, torch.cat([data.fixed, data.states[:, 0]], 1))
    assert all(getattr(data, name).dtype == torch.float32 for name in ("states", "actions", "fixed", "conditions"))


def test_shorter_windows_carry_the_labels_of_their_episode(dataset, rows, statistics):
    data, whole = examples.load(dataset, rows, 6, *statistics), examples.load(dataset, rows, 8, *statistics)
    assert len(data) == 3 * len(rows)
    for start in range(3):
        assert torch.equal(data.states[start::3], whole.states[:, start:start + 7])
        assert torch.equal(data.actions[start::3], whole.actions[:, start:start + 6])
        for name in ("fixed", "conditions", "returns"):
            assert torch.equal(getattr(data, name)[start::3], getattr(whole, name)), name


def test_reading_in_chunks_changes_nothing(dataset, rows, statistics, monkeypatch):
    whole = examples.load(dataset, rows, 8, *statistics)
    monkeypatch.setattr(examples, "CHUNK", 7)
    chunked = examples.load(dataset, rows, 8, *statistics)
    for name in ("states", "actions", "fixed", "conditions", "returns"):
        assert torch.equal(getattr(chunked, name), getattr(whole, name)), name


def test_only_the_labels_asked_for_are_read_in_the_order_asked_for(dataset, rows, statistics):
    both = Conditions(["max_power", "total_power"], [[-1.0, 1.0]] * 2, [[-1.0, 1.0]] * 2, ["lower", "lower"])
    data = examples.load(dataset, rows, 8, statistics[0], both)
    assert torch.equal(data.conditions[:, 1], dataset.column("max_power")[rows].clamp(-4, 4).float())
    assert torch.equal(data.conditions[:, 2], dataset.column("total_power")[rows].clamp(-4, 4).float())


def test_moving_keeps_every_value(dataset, rows, statistics):
    data = examples.load(dataset, rows, 8, *statistics)
    moved = data.to(torch.device("meta"))
    assert moved.states.is_meta
    assert moved.returns.shape == data.returns.shape
    assert isinstance(statistics[0], Normaliser)


def test_too_many_windows_are_drawn_evenly_and_in_order(dataset, rows, statistics):
    whole = examples.load(dataset, rows, 6, *statistics)
    few = examples.load(dataset, rows, 6, *statistics, most=40, seed=3)
    assert len(few) == 40
    places = [int((whole.states == one).all(dim=(1, 2)).nonzero()[0]) for one in few.states]
    assert places == sorted(places)
    assert torch.equal(few.returns, whole.returns[places])
    again, other = (examples.load(dataset, rows, 6, *statistics, most=40, seed=seed) for seed in (3, 4))
    assert torch.equal(few.states, again.states)
    assert not torch.equal(few.states, other.states)


@pytest.mark.parametrize("most", [None, 10, 11])
def test_no_window_is_left_out_where_memory_holds_all(most):
    assert examples.chosen(10, most, 0).tolist() == list(range(10))


def test_every_window_is_drawn_as_often():
    counts = torch.stack([examples.chosen(10, 5, seed) for seed in range(3_000)]).flatten().bincount(minlength=10)
    assert (counts - 1_500).abs().max() < 5 * 750**0.5, "five standard deviations"


def test_windows_of_an_episode_share_its_return_and_its_fixed_part_is_empty(matching):
    store = matching.store
    rows = store.rows("train")[:3]
    data = examples.load(store, rows, 2, matching.pipeline.normaliser, matching.pipeline.conditions)
    each = matching.scenario.horizon - 1
    assert data.fixed.shape == (3 * each, 0)
    assert data.returns.reshape(3, each).std(1).tolist() == [0.0] * 3
    assert torch.equal(data.returns[::each], store.gather("return_normalised", rows).float())
