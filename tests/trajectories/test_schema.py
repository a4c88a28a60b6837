import dataclasses

import numpy as np
import pyarrow as pa
import pytest

from aign.scenarios.core import registry
from aign.trajectories.schema import SPLITS, arrow_schema
from aign.trajectories.validation import columns_of


@pytest.mark.parametrize("channels", [2, 7])
def test_shapes_follow_the_scenario(channels):
    scenario = registry.create("water-filling", channels=channels)
    schema = arrow_schema(scenario)
    assert schema.field("observations").type == pa.list_(pa.list_(pa.float32(), 2 * channels + 1), 9)
    assert schema.field("actions").type == pa.list_(pa.list_(pa.float32(), channels), 8)
    assert schema.field("rewards").type == pa.list_(pa.float64(), 8)
    assert schema.field("context").type == pa.list_(pa.float32(), channels)


def test_each_label_is_a_scalar_column(scenario):
    schema = arrow_schema(scenario)
    for label in scenario.labels:
        assert schema.field(label.name).type == pa.float64()


def test_a_batch_of_episodes_fills_every_column_but_the_identifier(scenario, episodes):
    assert set(columns_of(episodes)) | {"episode_id"} == set(arrow_schema(scenario).names)


def test_episodes_say_their_number_and_shapes(episodes):
    assert len(episodes) == 100
    assert "100 x 8 steps" in repr(episodes)
    assert "total_power" in repr(episodes)
    assert set(episodes.split) == set(SPLITS)


def test_episodes_come_from_here_unless_somebody_says_otherwise(episodes):
    assert set(episodes.source) == {"collect"}
    assert len(episodes.source) == 100
    assert set(dataclasses.replace(episodes, source=np.array("log-7")).source) == {"log-7"}
    each = np.array([f"log-{number}" for number in range(100)])
    assert dataclasses.replace(episodes, source=each).source.tolist() == each.tolist()


def test_the_source_stands_before_the_split(scenario):
    assert arrow_schema(scenario).names[-2:] == ["source", "split"]
