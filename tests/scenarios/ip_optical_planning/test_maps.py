"""Maps: every link is drawn, wider where it has more, dashed where it has nothing, and equal maps are equal bytes."""

import numpy as np
import pytest
from matplotlib.collections import LineCollection

from aign.scenarios.core.topology import load
from aign.scenarios.ip_optical_planning import maps


def lines(axes):
    return next(part for part in axes.collections if isinstance(part, LineCollection))


def test_width_and_number_are_modules():
    topology = load("polska")
    modules = np.arange(topology.links).astype(float)
    axes = maps.plan_map(topology, modules, "polska").axes[0]
    widths, styles = lines(axes).get_linewidth(), lines(axes).get_linestyle()
    assert (np.diff(widths) > 0).all()
    assert styles[0][1] is not None  # dashed
    assert styles[1][1] is None
    said = [text.get_text() for text in axes.texts]
    assert {f"{count:g}" for count in modules[1:]} <= set(said)
    assert set(topology.nodes) <= set(said)


def test_colour_is_the_share_of_futures_that_need_a_link():
    topology = load("polska")
    needed = np.linspace(0, 1, topology.links)
    axes = maps.survey_map(topology, needed, needed, np.ceil(needed), "polska").axes[0]
    colours = lines(axes).get_color()
    assert np.allclose(colours, maps.SHARE.to_rgba(needed))


def test_lightpaths_between_the_same_nodes_lie_beside_each_other():
    topology = load("polska")
    ends = np.array([[0, 1], [1, 0], [0, 2]])
    figure = maps.layers_map(topology, ends, np.array([True, False, True]), np.array([2.0, 1.0, 1.0]),
                             np.ones(topology.links), "polska")
    above, below = figure.axes
    middles = [path.vertices[1] for path in lines(above).get_paths()]
    assert not np.allclose(middles[0], middles[1])
    assert len(lines(below).get_paths()) == topology.links


def test_equal_maps_are_equal_bytes(tmp_path):
    topology = load("polska")
    for name in ("first", "second"):
        maps.save(maps.plan_map(topology, np.ones(topology.links), "polska"), tmp_path / f"{name}.png")
    assert (tmp_path / "first.png").read_bytes() == (tmp_path / "second.png").read_bytes()
    assert [path.name for path in sorted(tmp_path.iterdir())] == ["first.png", "second.png"]


@pytest.mark.parametrize("count", [0.0, 3.0])
def test_a_network_without_any_module_is_drawn_too(count):
    topology = load("polska")
    axes = maps.plan_map(topology, np.full(topology.links, count), "polska").axes[0]
    assert len(lines(axes).get_paths()) == topology.links
