"""The picture shows the design, the optimum and the followers' answers."""

import numpy as np
import pytest
import torch

from aign.scenarios.stackelberg import Stackelberg


@pytest.mark.parametrize("prices", ["uniform", "per-device"])
def test_the_picture_draws_price_answers_and_the_way(prices):
    scenario = Stackelberg.create(devices=4, prices=prices)
    context = scenario.presets["spread"]
    optimum = scenario.certify(context[None]).design
    path = torch.cat([scenario.initial_state(context[None]), optimum])
    leader, answers, layers, way = scenario.picture(context, path, "a title").axes
    assert leader.figure.get_suptitle() == "a title"
    curve, best, design = leader.lines
    np.testing.assert_allclose(best.get_xdata(), optimum[0, :scenario.prices].mean(), rtol=1e-6)
    np.testing.assert_allclose(best.get_ydata(), design.get_ydata())
    if prices == "uniform":
        assert curve.get_ydata().max() <= float(best.get_ydata()[0]) + 1e-9
    assert [len(line.get_xdata()) for line in answers.lines] == [400] * 4 + [4]
    np.testing.assert_allclose([bar.get_height() for bar in layers.patches], 12 * optimum[0, scenario.prices:])
    np.testing.assert_allclose(way.lines[0].get_ydata(), scenario.utility(context.expand(2, -1), path))
