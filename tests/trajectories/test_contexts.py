import json
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import save_file
from targets_network import Targets, TargetsParameters

from aign.errors import DatasetError, ParameterError
from aign.trajectories.contexts import ContextPool, Contexts


@pytest.fixture
def scenario():
    return Targets(TargetsParameters())


@pytest.fixture
def scenario_with_few_contexts():
    return Targets(TargetsParameters(choices=2))


@pytest.fixture
def pool(scenario):
    return ContextPool.draw(scenario, {"train": 40, "validation": 10, "test": 12}, seed=7)


def test_each_context_has_its_reference_utilities(scenario, pool) -> None:
    for split, contexts in pool.splits.items():
        assert contexts.split == split
        assert contexts.optimum.dtype == contexts.reference.dtype == torch.float64
        values = contexts.values.double()
        assert torch.allclose(contexts.optimum, 100 - ((values - values.round()) ** 2).sum(1))
        assert torch.allclose(contexts.reference, 100 - ((values - 5) ** 2).sum(1))
        assert torch.equal(contexts.normalised(contexts.optimum), torch.ones(len(contexts), dtype=torch.float64))
        assert torch.equal(contexts.normalised(contexts.reference), torch.zeros(len(contexts), dtype=torch.float64))


def test_ids_are_unique_over_splits_and_splits_are_disjoint(pool) -> None:
    ids = torch.cat([contexts.ids for contexts in pool.splits.values()])
    values = torch.cat([contexts.values for contexts in pool.splits.values()])
    assert [len(contexts) for contexts in pool.splits.values()] == [40, 10, 12]
    assert len(ids.unique()) == len(values.unique(dim=0)) == 62


def test_held_out_contexts_do_not_depend_on_the_number_of_training_contexts(scenario, pool) -> None:
    more = ContextPool.draw(scenario, {"train": 90, "validation": 10, "test": 12}, seed=7)
    for split in ("validation", "test"):
        assert torch.equal(more[split].values, pool[split].values)
        assert torch.equal(more[split].ids, pool[split].ids)
        assert torch.equal(more[split].optimum, pool[split].optimum)
    other = ContextPool.draw(scenario, {"test": 12}, seed=8)
    assert not torch.equal(other["test"].values, pool["test"].values)


def test_progress_tells_how_many_contexts_are_certified_of_all(scenario, monkeypatch) -> None:
    monkeypatch.setattr(type(scenario), "certified_together", 2)
    reports: list[tuple[int, int]] = []
    ContextPool.draw(scenario, {"train": 3, "test": 2}, 1, lambda done, total: reports.append((done, total)))
    assert reports == [(0, 5), (2, 5), (2, 5), (4, 5), (5, 5)]


def test_designs_are_kept_where_contexts_are_certified_one_at_a_time(scenario, pool, monkeypatch, tmp_path) -> None:
    assert pool["train"].design is None
    monkeypatch.setattr(type(scenario), "certified_together", 1)
    kept = ContextPool.draw(scenario, {"train": 4, "test": 2}, seed=7)
    for split in ("train", "test"):
        assert torch.equal(kept[split].design, kept[split].values.round())
    assert torch.equal(kept["train"].take(torch.tensor([2, 0, 2])).design, kept["train"].design[[2, 0, 2]])
    kept.save(tmp_path / "contexts.safetensors", scenario)
    kept.save(tmp_path / "certified.safetensors", scenario, designs=True)
    assert ContextPool.load(tmp_path / "contexts.safetensors", scenario)["train"].design is None
    assert torch.equal(ContextPool.load(tmp_path / "certified.safetensors", scenario)["test"].design,
                       kept["test"].design)


def test_a_context_that_repeats_stays_in_one_split(scenario_with_few_contexts) -> None:
    # Three users with targets 0 or 1, sorted: four different contexts in all.
    pool = ContextPool.draw(scenario_with_few_contexts, {"train": 30, "test": 2}, seed=0)
    held_out = {tuple(row) for row in pool["test"].values.tolist()}
    assert held_out.isdisjoint(tuple(row) for row in pool["train"].values.tolist())
    assert len(pool["train"]) == 30


def test_too_few_different_contexts_are_refused(scenario_with_few_contexts) -> None:
    with pytest.raises(ParameterError, match=r"only 0 of 5 train contexts differ"):
        ContextPool.draw(scenario_with_few_contexts, {"train": 5, "test": 100}, seed=0)


def test_unknown_split_is_refused(scenario) -> None:
    with pytest.raises(ParameterError, match="Did you mean 'train'"):
        ContextPool.draw(scenario, {"trian": 3}, seed=0)


@settings(deadline=None, max_examples=30)
@given(count=st.integers(0, 35), seed=st.integers(0, 1000))
def test_sampling_is_even(count: int, seed: int) -> None:
    ids = torch.arange(10)
    zero = torch.zeros(10, dtype=torch.float64)
    ten = Contexts(ids, ids[:, None].float(), zero, zero + 1, "train")
    sampled = ten.sample(count, torch.Generator().manual_seed(seed))
    times = torch.bincount(sampled.ids, minlength=10)
    assert len(sampled) == count
    assert int(times.max() - times.min()) <= 1
    assert torch.equal(sampled.values[:, 0], sampled.ids.float())


def test_saved_pool_comes_back_bit_for_bit(scenario, pool, tmp_path: Path) -> None:
    path = tmp_path / "contexts.safetensors"
    pool.save(path, scenario)
    loaded = ContextPool.load(path, scenario)
    assert list(loaded.splits) == ["train", "validation", "test"]
    for split, contexts in pool.splits.items():
        for name in ("ids", "values", "reference", "optimum"):
            stored = getattr(loaded[split], name)
            assert stored.dtype == getattr(contexts, name).dtype
            assert torch.equal(stored, getattr(contexts, name))
    first = path.read_bytes()
    pool.save(path, scenario)
    assert path.read_bytes() == first


def test_foreign_missing_and_damaged_files_are_refused(scenario, scenario_with_few_contexts, pool, tmp_path) -> None:
    path = tmp_path / "contexts.safetensors"
    with pytest.raises(DatasetError, match="cannot be read"):
        ContextPool.load(path, scenario)
    pool.save(path, scenario)
    with pytest.raises(DatasetError, match="were drawn for"):
        ContextPool.load(path, scenario_with_few_contexts)
    path.write_bytes(path.read_bytes()[:40])
    with pytest.raises(DatasetError, match="Collect the dataset again"):
        ContextPool.load(path, scenario)


def test_a_file_without_one_of_its_parts_is_refused(scenario, pool, tmp_path) -> None:
    path = tmp_path / "contexts.safetensors"
    tensors = {f"{split}.{name}": getattr(contexts, name) for split, contexts in pool.splits.items()
               for name in ("ids", "values", "reference", "optimum")}
    del tensors["test.optimum"]
    save_file(tensors, path, metadata={"scenario": json.dumps(scenario.spec(), sort_keys=True)})
    with pytest.raises(DatasetError, match=r"test\.optimum missing"):
        ContextPool.load(path, scenario)
