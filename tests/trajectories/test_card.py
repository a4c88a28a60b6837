import json

import pytest
from huggingface_hub import DatasetCard

from aign.trajectories.card import MEANINGS, card
from aign.trajectories.schema import arrow_schema


@pytest.fixture(scope="module")
def text(folder):
    return (folder / "README.md").read_text()


def test_the_hub_reads_the_front_matter(text):
    data = DatasetCard(text).data.to_dict()
    assert data["license"] == "apache-2.0"
    assert data["size_categories"] == ["n<1K"]
    assert data["task_categories"] == ["reinforcement-learning"]
    assert "water-filling" in data["tags"]


@pytest.mark.parametrize(("count", "size"), [(999, "n<1K"), (1000, "1K<n<10K"), (123_456, "100K<n<1M"),
                                                (10**9, "n>1B")])
def test_size_categories(store, folder, scenario, count, size):
    figures = json.loads((folder / "meta" / "quality.json").read_text())
    assert DatasetCard(card(scenario, {**store.info, "episodes": count}, figures, [])).data.size_categories == [size]


def test_every_column_has_a_row_with_its_unit(text, scenario):
    for field in arrow_schema(scenario):
        assert f"\n| `{field.name}` | " in text
    for label in scenario.labels:
        meaning = f"{label.description.rstrip('.')}; {label.better} is better"
        assert f"| `{label.name}` | float64 | {label.unit} | {meaning} |" in text
    assert "| `observations` | float32[9][9] |" in text


def test_every_column_that_is_no_label_has_a_meaning(scenario):
    labels = {label.name for label in scenario.labels}
    assert set(MEANINGS) == set(arrow_schema(scenario).names) - labels


def test_figures_are_those_of_the_dataset(text, folder):
    figures = json.loads((folder / "meta" / "quality.json").read_text())
    quality = figures["trajectory_quality"]
    assert (f"| trajectory quality | {quality['value']:.4f} [{quality['low']:.4f}, {quality['high']:.4f}]; mean U/U* "
            f"{quality['utility_ratio']:.4f}; 0 of 50 contexts are degenerate |") in text
    assert f"{figures['state_action_coverage']['unique']:,} different cells" in text
    for name, one in figures["behaviours"].items():
        assert f"| `{name}` | {one['episodes']} | {one['share']:.1%} |" in text
    assert "| test | 25 | 25 |" in text


def test_provenance_citation_and_biases(text):
    assert '"sources"' in text
    assert "Diffusion Model-based Learning Approach" in text
    assert "## Known biases" in text
    assert "`contexts.safetensors`" in text


def test_tables_are_rectangular_and_nothing_is_left_to_fill_in(text):
    assert "$" not in text
    tables = [block.splitlines() for block in text.split("\n\n") if block.startswith("| ")]
    assert len(tables) >= 7
    for lines in tables:
        assert len({line.replace("\\|", "").count("|") for line in lines}) == 1
