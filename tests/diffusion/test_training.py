import json
import math
from itertools import pairwise

import pytest
import torch

from aign.diffusion import training
from aign.diffusion.model import DesignModel
from aign.diffusion.training import learning_rate
from aign.errors import DatasetError, ModelError, ParameterError


class StoppedError(Exception):
    """The process is stopped."""


def stopping(at):
    def on_progress(step):
        if step == at:
            raise StoppedError
    return on_progress


def ignore(step):
    pass


def weights(modules):
    return {f"{name}.{key}": value.clone() for name, module in modules.items()
            for key, value in module.state_dict().items()}


def assert_same(first, second):
    assert first.keys() == second.keys()
    for name, value in first.items():
        assert torch.equal(second[name], value), name


@pytest.mark.parametrize("stop", [1, 4, 6, 9])
def test_a_resumed_training_equals_an_uninterrupted_one_bit_for_bit(make_trainer, tmp_path, stop):
    through = make_trainer()
    whole = through.run(tmp_path / "through", ignore)
    with pytest.raises(StoppedError):
        make_trainer().run(tmp_path / "stopped", stopping(stop))
    saved = 9 if stop == 9 else stop // 4 * 4  # every 4 steps and at the end
    assert (tmp_path / "stopped").exists() == (saved > 0)
    resumed, steps = make_trainer(), []
    result = resumed.run(tmp_path / "stopped", steps.append)
    assert steps == list(range(saved + 1, 10))
    assert result.history == whole.history
    assert [entry["step"] for entry in result.history] == [4, 8, 9]
    assert_same(weights(through.all_modules()), weights(resumed.all_modules()))
    assert_same(through.pipeline(through.best).unet.state_dict(), result.pipeline.unet.state_dict())


def test_a_finished_training_is_not_repeated(make_trainer, tmp_path):
    first = make_trainer().run(tmp_path / "c", ignore)
    steps = []
    again = make_trainer().run(tmp_path / "c", steps.append)
    assert steps == []
    assert again.history == first.history
    assert_same(first.pipeline.unet.state_dict(), again.pipeline.unet.state_dict())


def test_the_seed_decides_the_training(make_trainer, tmp_path):
    runs = []
    for number, seed in enumerate((1, 1, 2)):
        trainer = make_trainer(seed, steps=2)
        trainer.run(tmp_path / str(number), ignore)
        runs.append(weights(trainer.modules()))
    assert_same(runs[0], runs[1])
    assert any(not torch.equal(runs[2][name], value) for name, value in runs[0].items())


def test_evaluating_and_saving_more_often_changes_no_weight(make_trainer, tmp_path):
    often, seldom = make_trainer(steps=5, evaluate_every=1, checkpoint_every=1), make_trainer(steps=5)
    often.run(tmp_path / "often", ignore)
    seldom.run(tmp_path / "seldom", ignore)
    assert_same(weights(often.modules()), weights(seldom.modules()))
    assert_same(weights(often.average), weights(seldom.average))
    assert len(often.progress.history) == 5


def test_damaged_and_foreign_checkpoints_are_refused(make_trainer, make_settings, tmp_path):
    path = tmp_path / "checkpoint"
    make_trainer(steps=1).run(path, ignore)
    wider = make_settings().network.model_copy(update={"channels": 24})
    with pytest.raises(ModelError, match="Delete it to train anew"):
        make_trainer(network=wider).run(path, ignore)
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(ModelError, match="Delete it to train anew"):
        make_trainer().run(path, ignore)


@pytest.mark.parametrize(("scores", "best"), [([0.1, 0.5, 0.3], 1), ([-7.0, -8.0, -9.0], 0), ([0.2, 0.4, 0.6], 2),
                                              ([0.5, 0.5, 0.5], 0), ([float("nan"), 0.1, float("nan")], 1)])
def test_the_model_with_the_best_designs_is_kept(make_trainer, tmp_path, monkeypatch, scores, best):
    seen = []

    def scripted(pipeline, held_out, seed, wanted):
        seen.append({name: value.clone() for name, value in pipeline.unet.state_dict().items()})
        return {"normalised_return_pooled": scores[len(seen) - 1]}

    monkeypatch.setattr(training, "held_out_quality", scripted)
    trainer = make_trainer(steps=3, evaluate_every=1, ema_decay=0.0)
    trained = trainer.run(tmp_path / "c", ignore)
    assert len(seen) == 3
    assert_same(seen[best], trained.pipeline.unet.state_dict())
    assert any(not torch.equal(value, seen[best - 1][name]) for name, value in seen[best].items())
    assert trainer.progress.score == scores[best]


def test_the_recorded_scores_are_those_of_the_averaged_model(make_trainer, held_out, tmp_path):
    trainer = make_trainer(steps=2)
    result = trainer.run(tmp_path / "c", ignore)
    expected = training.held_out_quality(trainer.pipeline(trainer.average), held_out, trainer.seed)
    assert len(result.history) == 1
    assert result.history[0].items() >= expected.items()
    assert all(math.isfinite(value) for value in result.history[0].values())


def test_evaluations_are_alike(make_trainer):
    """The same model is worth the same at every step: noise and hidden conditions are the same each time."""
    trainer = make_trainer()
    for step in (1, 2):
        trainer.progress.step = step
        trainer.evaluate()
    first, second = trainer.progress.history
    assert first.keys() == second.keys() > {"held_out_loss", "held_out_inverse_loss", "utility_ratio_mean"}
    assert second == first | {"step": 2.0}


def test_the_average_warms_up(make_trainer, tmp_path):
    trainer = make_trainer(ema_decay=0.15, learning_rate=0.1)
    start = weights(trainer.modules())
    expected = start
    for step in range(3):
        trainer.one_step(trainer.losses(trainer.unet))
        trainer.progress.step += 1
        decay = min(0.15, (1 + step) / (10 + step))
        expected = {name: decay * expected[name] + (1 - decay) * value
                    for name, value in weights(trainer.modules()).items()}
    for name, value in weights(trainer.average).items():
        torch.testing.assert_close(value, expected[name], atol=1e-6, rtol=1e-5)
    assert any(not torch.equal(value, start[name]) for name, value in expected.items())


def test_the_rate_warms_up_and_falls_along_a_cosine(make_settings):
    settings = make_settings(steps=110, warmup=10, learning_rate=0.02)
    rates = [learning_rate(settings, step) for step in range(111)]
    assert rates[:10] == pytest.approx([0.002 * step for step in range(1, 11)])
    assert rates[10] == pytest.approx(0.02)
    assert rates[60] == pytest.approx(0.01)
    assert rates[35] == pytest.approx(0.02 * (1 + math.sqrt(0.5)) / 2)
    assert rates[110] == pytest.approx(0, abs=1e-12)
    assert all(later < earlier for earlier, later in pairwise(rates[10:]))
    without = make_settings(warmup=0, learning_rate=0.02)
    assert learning_rate(without, 0) == 0.02
    short = make_settings(steps=5, warmup=100, learning_rate=0.02)
    assert 0 < learning_rate(short, 4) < 0.02


def test_the_optimiser_takes_the_rate_of_the_step(make_trainer, monkeypatch):
    trainer, rates = make_trainer(), []
    monkeypatch.setattr(trainer.optimiser, "descend", rates.append)
    for _ in range(5):
        trainer.one_step(trainer.losses(trainer.unet))
        trainer.progress.step += 1
    assert rates == [learning_rate(trainer.settings, step) for step in range(5)]


@pytest.mark.parametrize("stride", [3, 5, 16])
def test_the_stride_must_divide_the_horizon(make_trainer, stride):
    with pytest.raises(ParameterError, match=rf"train\.stride = {stride}: it must divide the horizon 8"):
        make_trainer(stride=stride)


@pytest.mark.parametrize("prediction", ["sample", "epsilon", "v_prediction"])
def test_bfloat16_trains_float32_weights(make_trainer, tmp_path, prediction):
    half, full = (make_trainer(steps=3, precision=name, prediction=prediction) for name in ("bfloat16", "float32"))
    result = half.run(tmp_path / "half", ignore)
    full.run(tmp_path / "full", ignore)
    assert math.isfinite(result.history[-1]["held_out_loss"])
    differences = [float((weights(half.modules())[name] - value).abs().max())
                   for name, value in weights(full.modules()).items()]
    assert 0 < max(differences) < 0.1
    assert {value.dtype for value in weights(half.modules()).values()} == {torch.float32}


def test_precision_is_chosen_by_device(make_trainer):
    assert not make_trainer(precision="auto").autocast()._enabled
    assert make_trainer(precision="bfloat16").autocast()._enabled


def test_a_model_may_learn_from_some_sources_only(make_trainer, dataset):
    some = make_trainer(behaviours=["random", "solver-guided"])
    assert len(some.train[0]) == len(dataset.rows("train", ["random", "solver-guided"])) == 120
    assert len(some.validation[0]) == len(dataset.rows("validation")), "all models face the same validation episodes"
    assert some.design["behaviours"] == ["random", "solver-guided"]
    assert len(make_trainer().train[0]) == 180
    with pytest.raises(DatasetError, match="Unknown behaviour 'rnadom'"):
        make_trainer(behaviours=["rnadom"])


def test_a_training_that_diverges_says_so(make_trainer, tmp_path):
    trainer = make_trainer()
    with torch.no_grad():
        next(iter(trainer.average["unet"].parameters())).fill_(math.nan)
    with pytest.raises(ModelError, match=r"diverged.*learning_rate"):
        trainer.evaluate()


def test_what_a_model_is_travels_as_json(make_trainer, scenario, dataset):
    trainer = make_trainer(stride=4)
    design = json.loads(json.dumps(trainer.design))
    assert design == trainer.design
    assert design["scenario"] == scenario.spec()
    assert (design["horizon"], design["stride"], design["behaviours"]) == (8, 4, "all")
    assert design["provenance"] == {"dataset": "small"}
    assert design["settings"] == trainer.settings.model_dump(mode="json")
    gains = dataset.gather("context", dataset.rows("train")).double()
    assert design["normaliser"]["fixed_mean"] == pytest.approx(gains.mean(0).tolist())


def test_a_short_training_beats_the_mean_of_the_data(trained, make_trainer):
    assert [entry["step"] for entry in trained.history] == [50, 100]
    trainer = make_trainer()
    train, validation = trainer.train[0], trainer.validation[0]
    mean = train.states.mean(0)
    variance = float((validation.states - mean)[:, 2::2].square().mean())
    assert trained.history[-1]["held_out_loss"] < 0.8 * variance
    steadiness = float((validation.actions - train.actions.mean(0)).square().mean())
    assert trained.history[-1]["held_out_inverse_loss"] < 0.3 * steadiness
    assert isinstance(trained.pipeline, DesignModel)
    assert not trained.pipeline.unet.training


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_training_on_a_gpu_learns_and_resumes(dataset, held_out, make_settings, tmp_path):
    settings = make_settings(steps=300, batch_size=64, learning_rate=3e-3, evaluate_every=100, checkpoint_every=100,
                             precision="auto", compile=True)

    def trainer():
        return training.Trainer([dataset], settings, 1, torch.device("cuda"), [held_out], None, {})

    with pytest.raises(StoppedError):
        trainer().run(tmp_path / "c", stopping(150))
    last = trainer()
    result = last.run(tmp_path / "c", ignore)
    assert [entry["step"] for entry in result.history] == [100, 200, 300]
    variance = float((last.validation[0].states - last.train[0].states.mean(0))[:, 2::2].square().mean())
    assert result.history[-1]["held_out_loss"] < 0.6 * variance
    assert result.pipeline.device.type == "cuda"


def test_plans_of_a_window_travel_with_the_model(matching, tracking):
    for found, head in ((matching, "ChoiceDynamics"), (tracking, "InverseDynamics")):
        design = found.pipeline.design
        assert (design["horizon"], design["stride"]) == (2, 1)
        assert type(found.pipeline.inverse).__name__ == head
        assert len(found.pipeline.normaliser.change) == found.scenario.state_size


def test_the_return_asked_for_in_evaluations_is_a_setting(make_trainer, monkeypatch, tmp_path):
    asked = []
    monkeypatch.setattr(training, "held_out_quality",
                        lambda *given: asked.append(given[3]) or {"normalised_return_pooled": 0.0})
    make_trainer(steps=1, evaluate_every=1, target_return=0.25).run(tmp_path / "c", ignore)
    assert asked == [0.25]
