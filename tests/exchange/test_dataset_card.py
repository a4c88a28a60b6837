import datasets
import pytest
import yaml
from huggingface_hub import DatasetCard
from publishing import VERSIONS, stored

from aign.exchange.publish import publish_dataset
from aign.trajectories.card import CITATION


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    place = tmp_path_factory.mktemp("published") / "golden"
    publish_dataset(VERSIONS[::-1], str(place))
    return place


@pytest.fixture(scope="module")
def card(folder):
    return DatasetCard((folder / "README.md").read_text())


def test_the_hub_reads_licence_size_task_and_tags(card):
    data = card.data.to_dict()
    assert data["license"] == "apache-2.0"
    assert data["size_categories"] == ["n<1K"]
    assert data["task_categories"] == ["reinforcement-learning"]
    assert {"power-allocation", "offline-reinforcement-learning"} <= set(data["tags"])


def test_each_variant_is_a_configuration_with_its_splits_and_the_first_is_the_default(folder, card):
    configs = card.data.to_dict()["configs"]
    assert [(one["config_name"], one.get("default", False)) for one in configs] == [
        ("version-3", True), ("version-2", False), ("version-1", False)]
    for one in configs:
        for entry in one["data_files"]:
            assert list(folder.glob(entry["path"])), entry
        assert [entry["split"] for entry in one["data_files"]] == ["train", "validation", "test"]


def test_features_and_sizes_are_those_of_the_files(folder, card):
    infos = datasets.info.DatasetInfosDict.from_dataset_card_data(card.data)
    for store in VERSIONS:
        table, info = stored(store), infos[store.name]
        assert info.features == datasets.Features.from_arrow_schema(table.schema)
        counts = {split: table.column("split").to_pylist().count(split) for split in info.splits}
        assert {split: one.num_examples for split, one in info.splits.items()} == counts
        assert info.dataset_size == sum(one.num_bytes for one in info.splits.values())
        assert info.dataset_size == pytest.approx(table.nbytes, rel=0.05)
        assert info.download_size == sum(path.stat().st_size for path in (folder / store.name).iterdir())


def test_the_text_says_where_things_are_how_it_was_made_and_what_is_wrong_with_it(folder, card):
    for store in VERSIONS:
        assert f"## Variant {store.name}" in card.text
        assert f"`store/{store.name}/meta/info.json`" in card.text
        assert (folder / "store" / store.name / "meta" / "info.json").is_file()
    assert card.text.count("### Known biases") == card.text.count("### How it was made") == 3
    assert card.text.count("\n| figure | value |") == 3
    assert CITATION in card.text
    assert 'load_dataset("path/to/this/folder", "version-3", split="train")' in card.text


def test_each_variant_lists_the_columns_it_has(card):
    third, second, first = card.text.split("## Variant ")[1:]
    assert "\n| `source` | str |" in third
    assert "\n| `source` | str |" in second
    assert "\n| `source` | str |" not in first
    for text, measured in ((third, "float64"), (second, "float32"), (first, "float32")):
        assert "\n| `observations` | float32[17][5] |" in text
        assert f"\n| `rewards` | {measured}[16] |" in text
        assert f"\n| `utility` | {measured} |" in text


def test_tables_are_rectangular_and_nothing_is_left_to_fill_in(card):
    assert "$" not in card.text
    tables = [block.splitlines() for block in card.text.split("\n\n") if block.startswith("| ")]
    assert len(tables) >= 16
    for lines in tables:
        assert len({line.replace("\\|", "").count("|") for line in lines}) == 1


def test_one_variant_alone(tmp_path):
    publish_dataset([VERSIONS[1]], str(tmp_path / "out"))
    text = (tmp_path / "out" / "README.md").read_text()
    front = yaml.safe_load(text.split("---\n")[1])
    assert len(front["configs"]) == len(front["dataset_info"]) == 1
    assert "in one variant" in text
