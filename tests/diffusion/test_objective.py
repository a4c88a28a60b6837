import dataclasses
import math

import pytest
import torch
from torch import nn

from aign.diffusion.conditions import Conditions
from aign.diffusion.examples import Examples
from aign.diffusion.noise_schedule import NoiseSchedule
from aign.diffusion.objective import Objective

CONDITIONS = Conditions(["power", "rate", "fairness"], [[-1.0, 1.0]] * 3, [[-1.0, 1.0]] * 3,
                        ["lower", "higher", "higher"])
KINDS = ("sample", "epsilon", "v_prediction")


class Recorder(nn.Module):
    """A network that predicts zero and keeps what it was given."""

    def forward(self, noisy, step, known, conditions, shown):
        self.noisy, self.step, self.known, self.conditions, self.shown = noisy, step, known, conditions, shown
        return torch.zeros_like(noisy)


@pytest.fixture(scope="module")
def data():
    generator = torch.Generator().manual_seed(0)
    count = 4000
    return Examples(states=torch.rand(count, 9, 3, generator=generator) * 2 - 1,
                    actions=torch.rand(count, 8, 2, generator=generator),
                    fixed=torch.randn(count, 5, generator=generator),
                    conditions=torch.randn(count, 4, generator=generator),
                    returns=torch.randn(count, generator=generator))


def noise_schedule(settings):
    return NoiseSchedule.of(settings.noise_steps, settings.prediction)


def objective(settings, seed=7):
    return Objective(settings, noise_schedule(settings), CONDITIONS, torch.Generator().manual_seed(seed))


def test_the_schedule_is_the_squared_cosine(make_settings):
    schedule = noise_schedule(make_settings(noise_steps=50, prediction="epsilon"))

    def alpha_bar(share):
        return math.cos((share + 0.008) / 1.008 * math.pi / 2) ** 2

    product = 1.0
    for step in range(50):
        product *= 1 - min(1 - alpha_bar((step + 1) / 50) / alpha_bar(step / 50), 0.999)
        assert float(schedule.alphas_cumprod[step]) == pytest.approx(product, rel=1e-3, abs=1e-7)
    assert product < 1e-5, "the last step is pure noise"
    assert schedule.prediction == "epsilon"


@pytest.mark.parametrize("kind", KINDS)
def test_a_network_that_predicts_zero_loses_the_second_moment(make_settings, data, kind):
    settings = make_settings(prediction=kind)
    rows = torch.arange(len(data))
    loss = float(objective(settings).denoising(Recorder(), data, rows))
    square = float(data.states[:, 2::2].square().mean())
    share = float(noise_schedule(settings).alphas_cumprod.mean())
    # E |x|^2, E |e|^2 = 1, and E |v|^2 = a + (1 - a) E |x|^2 with a the mean of alpha bar over steps.
    expected = {"sample": square, "epsilon": 1.0, "v_prediction": share + (1 - share) * square}[kind]
    assert loss == pytest.approx(expected, rel=1e-5 if kind == "sample" else 0.02)


@pytest.mark.parametrize("kind", KINDS)
def test_the_right_prediction_loses_nothing(make_settings, data, kind):
    settings = make_settings(prediction=kind)
    alphas = noise_schedule(settings).alphas_cumprod
    rows = torch.randperm(len(data), generator=torch.Generator().manual_seed(2))[:300]
    clean = data.states[rows][:, [2, 4, 6, 8]]

    class Oracle(nn.Module):
        def forward(self, noisy, step, *others):
            share = alphas[step][:, None, None].double()
            noise = (noisy - share.sqrt() * clean) / (1 - share).sqrt()
            return {"sample": clean, "epsilon": noise,
                    "v_prediction": share.sqrt() * noise - (1 - share).sqrt() * clean}[kind]

    assert float(objective(settings).denoising(Oracle(), data, rows)) < 1e-9


@pytest.mark.parametrize("stride", [1, 2, 4, 8])
def test_the_network_sees_noisy_waypoints_and_what_is_known(make_settings, data, stride):
    recorder, rows = Recorder(), torch.tensor([5, 5, 17])
    settings = make_settings(stride=stride, noise_steps=30)
    objective(settings).denoising(recorder, data, rows)
    assert recorder.noisy.shape == (3, 8 // stride, 3)
    assert torch.equal(recorder.known, torch.cat([data.fixed[rows], data.states[rows, 0]], 1))
    assert torch.equal(recorder.conditions, data.conditions[rows])
    assert not torch.equal(recorder.noisy[0], recorder.noisy[1]), "equal examples get noise of their own"


def test_steps_are_uniform_and_noise_is_standard_normal(make_settings, data):
    recorder, rows = Recorder(), torch.arange(len(data))
    settings = make_settings(noise_steps=5)
    objective(settings).denoising(recorder, data, rows)
    counts = torch.bincount(recorder.step, minlength=5)
    assert len(counts) == 5
    assert (counts - 800).abs().max() < 4 * math.sqrt(800)
    pure = recorder.noisy[recorder.step == 4]
    assert abs(float(pure.mean())) < 0.03
    assert float(pure.std()) == pytest.approx(1, abs=0.03)


def test_conditions_are_hidden_independently_and_as_often_as_asked(make_settings, data):
    recorder, rows = Recorder(), torch.arange(len(data)).repeat(5)
    objective(make_settings(return_dropout=0.2, label_dropout=0.7)).denoising(recorder, data, rows)
    shown = recorder.shown.double()
    for column, expected in enumerate([0.8, 0.3, 0.3, 0.3]):
        assert float(shown[:, column].mean()) == pytest.approx(expected, abs=4 * 0.5 / math.sqrt(len(rows)))
    correlation = torch.corrcoef(shown.T)
    assert (correlation - torch.eye(4)).abs().max() < 4 / math.sqrt(len(rows))


def test_nothing_is_hidden_without_dropout(make_settings, data):
    recorder = Recorder()
    objective(make_settings(return_dropout=0.0, label_dropout=0.0)).denoising(recorder, data, torch.arange(500))
    assert recorder.shown.all()


@pytest.mark.parametrize("focus", [0.0, 0.7, 3.0])
def test_better_trajectories_weigh_more_with_focus(make_settings, data, focus):
    rows = torch.arange(6)
    returns = torch.tensor([-9.0, -1.0, 0.0, 0.5, 1.0, 4.0])
    chosen = Examples(data.states[rows], data.actions[rows], data.fixed[rows], data.conditions[rows], returns)
    loss = float(objective(make_settings(return_weighting=focus)).denoising(Recorder(), chosen, rows))
    weights = [math.exp(focus * (value - 1)) for value in (-1, -1, 0, 0.5, 1, 1)]
    errors = data.states[rows][:, 2::2].double().square().mean((1, 2)).tolist()
    expected = sum(w * e for w, e in zip(weights, errors, strict=True)) / sum(weights)
    assert loss == pytest.approx(expected, rel=1e-5)


def test_targets_are_those_of_the_formulas(make_settings):
    generator = torch.Generator().manual_seed(0)
    clean, noise = torch.randn(20, 4, 3, generator=generator), torch.randn(20, 4, 3, generator=generator)
    step = torch.arange(20)
    for kind in KINDS:
        target = objective(make_settings(prediction=kind)).target(clean, noise, step)
        share = noise_schedule(make_settings()).alphas_cumprod[:, None, None]
        expected = {"sample": clean, "epsilon": noise,
                    "v_prediction": share.sqrt() * noise - (1 - share).sqrt() * clean}[kind]
        torch.testing.assert_close(target, expected)


def test_the_inverse_loss_covers_every_transition(make_settings, data):
    class Head(nn.Module):
        def forward(self, now, following, fixed):
            self.given = now, following, fixed
            return torch.zeros(len(now), 2)

        def loss(self, now, following, fixed, actions):
            return (self(now, following, fixed) - actions).square().mean()

    head, rows = Head(), torch.arange(len(data))
    loss = float(objective(make_settings()).inverse(head, data, rows))
    now, following, fixed = head.given
    assert torch.equal(fixed, data.fixed)
    pairs = (data.states[:, :-1] == now[:, None]).all(2) & (data.states[:, 1:] == following[:, None]).all(2)
    assert (pairs.sum(1) == 1).all(), "a state and the one after it"
    time = pairs.int().argmax(1)
    assert torch.bincount(time).min() > 400
    assert len(torch.bincount(time)) == 8
    assert loss == pytest.approx(float(data.actions[rows, time].square().mean()), rel=1e-5)


def test_the_generator_decides_everything(make_settings, data):
    rows = torch.arange(50)
    losses = [float(objective(make_settings(prediction="epsilon"), seed).denoising(Recorder(), data, rows))
              for seed in (1, 1, 2)]
    assert losses[0] == losses[1] != losses[2]


def test_one_label_at_a_time(make_settings, data):
    recorder, rows = Recorder(), torch.arange(len(data))
    objective(make_settings(one_at_a_time=True, label_dropout=0.2)).denoising(recorder, data, rows)
    shown = recorder.shown[:, 1:].sum(1)
    assert shown.max() == 1
    # A label stays where it drew the greatest of three numbers and that one is at least 0.2.
    assert float(shown.double().mean()) == pytest.approx(1 - 0.2**3, abs=0.01)
    assert recorder.shown[:, 1:].double().mean(0).std() < 0.02, "each as often as the others"


def test_held_out_pairs_are_never_shown_together(make_settings, data):
    recorder, rows = Recorder(), torch.arange(len(data)).repeat(5)
    settings = make_settings(label_dropout=0.3, never_together=(("fairness", "power"),))
    objective(settings).denoising(recorder, data, rows)
    power, rate, fairness = recorder.shown[:, 1], recorder.shown[:, 2], recorder.shown[:, 3]
    assert not (power & fairness).any()
    assert float((power & rate).double().mean()) == pytest.approx((0.7 - 0.49 / 2) * 0.7, abs=0.02)
    for alone in (power, fairness):
        assert float(alone.double().mean()) == pytest.approx(0.7 - 0.49 / 2, abs=0.02)


def test_hindsight_draws_thresholds_that_the_design_meets(make_settings, data):
    hindsight = dataclasses.replace(CONDITIONS, kind="hindsight")
    settings = make_settings()
    recorder, rows = Recorder(), torch.arange(len(data))
    Objective(settings, noise_schedule(settings), hindsight, torch.Generator().manual_seed(1)).denoising(
        recorder, data, rows)
    achieved, seen = data.conditions[rows], recorder.conditions
    assert torch.equal(seen[:, 0], achieved[:, 0]), "the return stays as it is"
    assert (seen[:, 1] >= achieved[:, 1]).all(), "power: lower is better, so thresholds lie above"
    assert (seen[:, 2:] <= achieved[:, 2:]).all()
    assert ((seen != achieved)[:, 1:].double().mean(0) > 0.4).all(), "the other trajectory is worse half of the time"
