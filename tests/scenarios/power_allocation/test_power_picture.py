"""What pictures show, and that they can be saved."""

import io
import warnings

import numpy as np
import pytest
import torch
from matplotlib.figure import Figure

from aign.scenarios.core import registry


def drawn_figure(users, title="a title", **parameters):
    scenario = registry.create("power-allocation", users=users, **parameters)
    context = scenario.draw_contexts(1, torch.Generator().manual_seed(0))[0]
    goal = scenario.certify(context[None]).design
    path = [scenario.initial_state(context[None])]
    for _ in range(scenario.horizon):
        path.append(scenario.step(context[None], path[-1], scenario.action_towards(path[-1], goal))[0])
    states = torch.cat(path)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        return scenario, context, states, scenario.picture(context, states, title)


def png(figure):
    target = io.BytesIO()
    figure.savefig(target, format="png")
    return target.getvalue()


@pytest.mark.parametrize("parameters", [{"users": 2}, {"users": 20}, {"users": 2, "utility": "rate"},
                                        {"users": 2, "base_stations": 2}, {"users": 5, "base_stations": 2},
                                        {"users": 5, "utility": "rate"}], ids=str)
def test_every_variant_becomes_a_png(parameters):
    *_, figure = drawn_figure(**parameters)
    assert isinstance(figure, Figure)
    image = png(figure)
    assert image.startswith(b"\x89PNG\r\n\x1a\n")
    assert len(image) > 10_000
    assert figure.get_suptitle() == "a title"


def test_two_users_are_a_map_with_the_path_to_the_optimum():
    scenario, context, states, figure = drawn_figure(2)
    plane, climb, colours = figure.axes
    assert (plane.get_xlabel(), plane.get_ylabel()) == ("power of user 1 [level]", "power of user 2 [level]")
    assert colours.get_ylabel() == "utility"
    path, star = plane.get_lines()
    np.testing.assert_array_equal(np.stack(path.get_data(), axis=1), states)
    optimum = scenario.certify(context[None]).design[0]
    assert [float(value[0]) for value in star.get_data()] == optimum.tolist()
    assert [text.get_text() for text in plane.get_legend().get_texts()] == ["generated path",
                                                                            "optimum, by exhaustive search"]
    assert climb.get_xlabel() == "step"


def test_the_published_optimum_carries_the_star():
    scenario = registry.create("power-allocation", users=2)
    figure = scenario.picture(scenario.presets["aign-two-users"], torch.tensor([[0.0, 0.0], [28.0, 31.0]]))
    path, star = figure.axes[0].get_lines()
    assert [values.tolist() for values in path.get_data()] == [[0.0, 28.0], [0.0, 31.0]]
    assert [float(value[0]) for value in star.get_data()] == [28.0, 31.0]


def test_many_users_are_bars_of_power_and_rate():
    scenario, context, states, figure = drawn_figure(20)
    powers, rates, climb = figure.axes
    assert [axes.get_ylabel() for axes in figure.axes] == ["power [level]", "rate [Mbit/s]", "utility"]
    assert climb.get_xlabel() == "step"
    assert powers.get_xlabel() == rates.get_xlabel() == "user"
    assert [bar.get_height() for bar in powers.patches] == states[-1].tolist()
    shown = [bar.get_height() for bar in rates.patches]
    assert len(shown) == 20
    assert min(shown) == pytest.approx(float(scenario.measure(context[None], states[-1:])["min_rate"]))


@pytest.mark.parametrize(("users", "kind"), [(2, "exhaustive search"), (20, "upper bound")])
def test_the_climb_ends_below_the_certified_line(users, kind):
    scenario, context, states, figure = drawn_figure(users)
    climb = figure.axes[1 if users == 2 else 2]
    path, line = climb.get_lines()
    expected = scenario.utility(context.expand(len(states), -1), states)
    np.testing.assert_allclose(path.get_ydata(), expected)
    assert float(line.get_ydata()[0]) == pytest.approx(float(scenario.certify(context[None]).utility))
    assert line.get_ydata()[0] >= path.get_ydata()[-1] - 1e-9
    assert [text.get_text() for text in climb.get_legend().get_texts()] == ["path", kind]
