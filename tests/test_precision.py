"""Whole numbers beyond what float32 holds, such as bytes, from the network that counts them to all they reach."""

import json
import shutil

import gymnasium
import numpy as np
import pyarrow as pa
import pytest
import torch
from gymnasium import spaces
from recorded_data import sealed
from sequential_models import SETTINGS

from aign.agents.behaviours import record
from aign.designs.answer import answer
from aign.designs.generation import generate
from aign.designs.requests import Request
from aign.designs.settings import SamplingSettings
from aign.diffusion.quality import HeldOut
from aign.diffusion.training import Trainer
from aign.exchange.d4rl_export import export_npz
from aign.exchange.merge import merge
from aign.exchange.minari_export import export_minari
from aign.exchange.publish import publish_dataset
from aign.exchange.published import import_published
from aign.files.writing import write_json
from aign.scenarios.core import registry
from aign.scenarios.core.constraints import parse
from aign.trajectories.assemble import assemble
from aign.trajectories.contexts import ContextPool
from aign.trajectories.reader import TrajectoryStore
from aign.trajectories.reference_utilities import ReferenceUtilities, check_contexts
from aign.trajectories.replay import replay
from aign.trajectories.shard import Shard, read_batch, write_batch
from aign.trajectories.verification import verify
from aign.trajectories.writer import ShardWriter

STEPS = 3
BASES = {"2^24 + 1": 2**24 - 1, "2^53 - 1": 2**53 - 4}
"""Bytes that the first step counts; every step that sends counts one more."""
COUNTS = {"train": 24, "validation": 4, "test": 4}


class Meter(gymnasium.Env):
    """Counts bytes. Observed: a number of the seed's. Reward: bytes of the step."""

    def __init__(self, base):
        self.base = base
        self.action_space, self.observation_space = spaces.Discrete(2), spaces.Box(0, 1, (1,))

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.shown, self.bytes = np.array([self.np_random.random()], np.float32), 0
        return self.shown, {}

    def step(self, action):
        new = int(action) + (self.base if self.bytes == 0 else 0)
        self.bytes += new
        return self.shown, new, False, False, {"bytes": self.bytes}


if "toy/Meter-v0" not in gymnasium.registry:
    gymnasium.register("toy/Meter-v0", entry_point=Meter)


def counted(base, actions):
    """Return the bytes of episodes (E,) as Python's whole numbers, given their actions (E, T, 2)."""
    return [base + sum(row) for row in actions.argmax(-1).tolist()]


def load(path, scenario):
    return ContextPool.load(path, scenario).splits


@pytest.fixture(scope="module", params=BASES.values(), ids=BASES)
def base(request):
    return request.param


@pytest.fixture(scope="module")
def scenario(base):
    return registry.create("gymnasium", environment="toy/Meter-v0", options={"base": base}, horizon=STEPS,
                           labels={"bytes": {"info": "bytes", "unit": "B", "better": "lower"}})


@pytest.fixture(scope="module")
def pool(scenario):
    return ContextPool.draw(scenario, COUNTS, seed=3)


@pytest.fixture(scope="module")
def folder(scenario, pool, tmp_path_factory):
    place = tmp_path_factory.mktemp("meter")
    with ShardWriter(place / "parts", scenario, 16, first_episode_id=0) as writer:
        for split, count in COUNTS.items():
            for batch in record("random", scenario, pool[split], count, seed=5):
                writer.append(batch)
    pool.save(place / "parts/contexts.safetensors", scenario)
    assemble(place / "meter", writer.close(), scenario, {"seed": 5},
             {"contexts.safetensors": place / "parts/contexts.safetensors"})
    return place / "meter"


@pytest.fixture(scope="module")
def store(folder):
    return TrajectoryStore.open(folder)


def test_the_dataset_holds_every_byte(store, base):
    expected = counted(base, store.column("actions"))
    assert set(expected) == {base, base + 1, base + 2, base + 3}
    for name in ("bytes", "utility", "return_raw"):
        assert [int(value) for value in store.column(name).tolist()] == expected, name
    assert [int(row[0]) for row in store.column("rewards").tolist()] == [
        base + row[0] for row in store.column("actions").argmax(-1).tolist()]
    assert store.stats["bytes"]["max"] == base + 3


def test_verification_and_replay_agree(folder):
    assert [check.name for check in verify(folder, lambda done, total: None)][-1] == "replay"


def test_a_bound_is_kept_to_the_byte(store, scenario, base):
    for limit in range(base - 1, base + 4):
        for text, holds in ((f"bytes<={limit}", lambda value, limit: value <= limit),
                            (f"bytes>{limit}", lambda value, limit: value > limit)):
            bound, = parse([text], scenario.labels)
            assert str(bound) == text
            assert bound.holds(store.column("bytes")).tolist() == [
                holds(value, limit) for value in counted(base, store.column("actions"))]


def test_the_certificate_knows_who_sends_too_much(scenario, pool, base):
    contexts = pool["test"].values
    found = scenario.certify(contexts, parse([f"bytes<={base + 1}"], scenario.labels))
    assert found.feasible.all()
    assert scenario.measure(contexts, found.design)["bytes"].tolist() == [base + 1] * len(contexts)
    assert not scenario.certify(contexts, parse([f"bytes<={base - 1}"], scenario.labels)).feasible.any()


def test_a_request_is_met_to_the_byte(store, scenario, pool, base, tmp_path):
    held = pool["validation"]
    settings = SETTINGS.model_copy(update={"steps": 2, "evaluate_every": 2, "warmup": 1})
    pipeline = Trainer([store], settings, 1, torch.device("cpu"), [
        HeldOut(held.values, held.reference, held.optimum)], None, {}).run(
            tmp_path / "checkpoint.safetensors", lambda step: None).pipeline
    quick, where = SamplingSettings(steps=4), parse([f"bytes<={base + 1}"], scenario.labels)
    found = generate(pipeline, pool["test"].values, where, 8, quick, seed=1)
    sent = [[base + sum(int(choice) for choice in design) for design in designs] for designs in found.designs.tolist()]
    assert [[int(value) for value in row] for row in found.labels["bytes"].tolist()] == sent
    assert found.feasible.tolist() == [[value <= base + 1 for value in row] for row in sent]
    assert {value <= base + 1 for row in sent for value in row} == {True, False}

    said = answer(pipeline, Request([f"bytes<={base + 1}"], "seed-0", count=8).resolve(scenario), quick)
    for row in said.rows():
        assert row["feasible"] == (base + sum(map(int, row["design"])) <= base + 1)
        assert f"{base + sum(map(int, row['design']))}" in said._figures(row)
    assert said.summary()["where"] == [f"bytes<={base + 1}"]


def test_it_comes_back_from_a_published_dataset_bit_for_bit(folder, store, tmp_path):
    publish_dataset([folder], str(tmp_path / "published"))
    assert import_published(tmp_path / "published", tmp_path / "back").identical
    back = TrajectoryStore.open(tmp_path / "back")
    assert torch.equal(back.column("bytes"), store.column("bytes"))


def test_exports_hold_every_byte(folder, store, base, tmp_path):
    export_npz(store, tmp_path / "meter.npz")
    expected = counted(base, store.column("actions"))
    with np.load(tmp_path / "meter.npz") as arrays:
        assert [int(value) for value in arrays["infos/bytes"][::STEPS]] == expected
        assert [int(row.sum()) for row in arrays["rewards"].reshape(-1, STEPS)] == expected
    minari = pytest.importorskip("minari")
    name = export_minari(store, tmp_path).dataset_id
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MINARI_DATASETS_PATH", str(tmp_path))
        dataset = minari.load_dataset(name)
        assert [int(episode.rewards.sum()) for episode in dataset] == expected
        entries = list(dataset.storage.get_episode_metadata(range(len(expected))))
        assert [int(entry["labels"]["bytes"]) for entry in entries] == expected


def test_merging_keeps_every_byte(folder, store, scenario, tmp_path):
    with ShardWriter(tmp_path / "parts", scenario, 16, first_episode_id=0) as writer:
        for batch in record("random", scenario, ContextPool.draw(scenario, {"train": 8}, seed=9)["train"], 8, seed=9):
            writer.append(batch)
    assemble(tmp_path / "more", writer.close(), scenario, {"seed": 9})
    merge([folder, tmp_path / "more"], tmp_path / "all")
    merged = TrajectoryStore.open(tmp_path / "all")
    assert sorted(merged.column("bytes").tolist()) == sorted(
        store.column("bytes").tolist() + TrajectoryStore.open(tmp_path / "more").column("bytes").tolist())


@pytest.fixture
def older(folder, scenario, pool, tmp_path):
    """The dataset as version 2 would have stored it: utility, and what follows from it, from float32 on."""
    copy = shutil.copytree(folder, tmp_path / "older")
    for path in sorted(copy.glob("*.arrow")):
        shard = Shard(path)
        utility = shard.view("utility").float().double()
        references = ReferenceUtilities(pool.splits)
        returns = references.normalised(utility, references.rows(shard.view("context_id")))
        stored = {field.name: column for field, column in zip(shard.schema, read_batch(path).columns, strict=True)}
        stored["return_normalised"] = pa.array(returns.numpy())
        for name in ("bytes", "utility", "return_raw", "return_normalised"):
            stored[name] = stored[name].cast(pa.float32(), safe=False)
        stored["rewards"] = stored["rewards"].cast(pa.list_(pa.float32(), STEPS), safe=False)
        path.unlink()  # the old file may be mapped
        write_batch(path, pa.RecordBatch.from_pydict(stored))
    info = json.loads((copy / "meta/info.json").read_text())
    write_json(copy / "meta/info.json", {**info, "format_version": 2})
    return sealed(copy)


def test_what_version_2_rounded_is_compared_in_float32_and_comes_back_in_a_merge(older, folder, store, pool, tmp_path):
    old = TrajectoryStore.open(older)
    assert not torch.equal(old.column("bytes"), store.column("bytes"))
    references = ReferenceUtilities(pool.splits)
    assert len(references) == 32
    check_contexts(old.shards, old.scenario, references)
    assert replay(old, references).first is None
    twin = shutil.copytree(older, tmp_path / "twin")
    merge([older, twin], tmp_path / "all")
    merged = TrajectoryStore.open(tmp_path / "all")
    for name in ("bytes", "utility", "return_raw", "rewards", "return_normalised"):
        assert torch.equal(merged.column(name)[:32], store.column(name)), name
    assert [check.name for check in verify(tmp_path / "all", lambda done, total: None)][-1] == "replay"
