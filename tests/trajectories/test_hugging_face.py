import json

import datasets
import numpy as np
import torch

from aign.trajectories.hugging_face import with_features
from aign.trajectories.schema import arrow_schema


def test_load_from_disk_opens_the_folder(folder, episodes):
    dataset = datasets.load_from_disk(str(folder))
    assert len(dataset) == 100
    assert dataset.data["observations"].num_chunks == 4  # one record batch a shard
    np.testing.assert_array_equal(np.array(dataset[57]["actions"], dtype=np.float32), episodes.actions[57])
    assert dataset[57]["behaviour"] == episodes.behaviour[57]
    assert dataset.filter(lambda row: row["split"] == "test", keep_in_memory=True).num_rows == 25


def test_formats_keep_float64_where_the_card_says_so(folder, store):
    dataset = datasets.load_from_disk(str(folder))
    assert dataset["utility"][:] == store.column("utility").tolist()
    assert "with_format(\"torch\", dtype=torch.float64)" in (folder / "README.md").read_text()
    for name in ("utility", "rewards"):
        assert torch.equal(dataset.with_format("torch", dtype=torch.float64)[:][name], store.column(name))
        assert dataset.with_format("torch")[:][name].dtype == torch.float32


def test_features_are_those_of_the_columns(scenario, folder):
    dataset = datasets.load_from_disk(str(folder))
    assert dataset.features.to_dict() == datasets.Features.from_arrow_schema(arrow_schema(scenario)).to_dict()
    assert dataset.features.arrow_schema.equals(arrow_schema(scenario))
    assert dataset.info.license == "apache-2.0"


def test_metadata_is_added_to_the_same_columns(scenario):
    schema = with_features(arrow_schema(scenario))
    assert schema.equals(arrow_schema(scenario))
    assert "features" in json.loads(schema.metadata[b"huggingface"])["info"]


def test_the_fingerprint_is_of_the_content(folder, tmp_path, make_dataset, episodes, make_episodes):
    def fingerprint(place):
        return json.loads((place / "state.json").read_text())["_fingerprint"]

    same, other = make_dataset(tmp_path / "a", episodes), make_dataset(tmp_path / "b", make_episodes(100, seed=5))
    assert fingerprint(folder) == fingerprint(same) != fingerprint(other)
    loaded = [datasets.load_from_disk(str(place))._fingerprint for place in (folder, same, other)]
    assert loaded[0] == loaded[1] != loaded[2]
