"""The curve of quality against denoising steps."""

import pytest
import torch

from aign.designs.generation import generate
from aign.designs.settings import EvaluateSettings, SamplingSettings
from aign.stages.evaluate import steps
from aign.trajectories.contexts import ContextPool

SETTINGS = EvaluateSettings(candidates=3, steps_contexts=4, constrained_contexts=2, constrained_requests=2,
                            denoising_steps=(1, 3, 5))


@pytest.fixture(scope="module")
def contexts(water):
    return ContextPool.draw(water.scenario, {"validation": 6}, seed=1)["validation"]


@pytest.fixture(scope="module")
def figures(water, contexts):
    return steps.curve(water, contexts, SETTINGS, SamplingSettings(), seed=3)


def test_steps_that_do_not_divide_the_noise_steps_are_left_out_and_the_usual_number_is_there(water, figures):
    usual = water.sampling.steps
    assert water.schedule.steps % 3 != 0
    assert [line["steps"] for line in figures["rows"]] == sorted({1, 5, usual})
    assert figures["usual"] == usual
    assert "On 4 validation contexts" in figures["definition"]


def test_figures_are_those_of_the_designs(water, contexts, figures):
    chosen = contexts.take(torch.arange(4))
    for line in figures["rows"]:
        sampling = SamplingSettings(steps=line["steps"])
        single = generate(water, chosen.values, (), 1, sampling, 3)
        gain = float((single.utility[:, 0] - chosen.reference).sum() / (chosen.optimum - chosen.reference).sum())
        assert line["pooled_return"] == pytest.approx(gain)
        several = generate(water, chosen.values, (), 3, sampling, 3).designs.double()
        apart = [float((designs[first] - designs[second]).abs().sum()) for designs in several
                 for first, second in ((0, 1), (0, 2), (1, 2))]
        assert line["mean_distance"] == pytest.approx(sum(apart) / len(apart))
        assert 0 <= line["raw_percent"] <= 100


def test_the_picture_marks_the_usual_number(figures):
    axes = steps.draw(figures["rows"], figures["usual"]).axes
    assert len(axes) == 3
    for part in axes:
        curve, mark = part.lines
        assert list(curve.get_xdata()) == [line["steps"] for line in figures["rows"]]
        assert list(mark.get_xdata()) == [figures["usual"]] * 2
