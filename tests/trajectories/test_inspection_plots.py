import numpy as np
import pytest
from matplotlib.image import imread

from aign.errors import StorageError
from aign.trajectories import inspection_plots as module
from aign.trajectories.inspection_plots import page, save_page
from aign.trajectories.reader import TrajectoryStore


def panels(figure):
    return {axes.get_title(): axes for axes in figure.axes if axes.get_title()}


def test_a_page_has_a_panel_for_each_figure_and_label(recorded):
    figure = page(TrajectoryStore.open(recorded))
    assert list(panels(figure)) == [
        "episodes by behaviour and split", "normalised return: 0 reference, 1 certified",
        "while agents learn: median, 10 % to 90 %", "reward of each step", "all action values", "context: gain",
        "total_power (lower is better)", "max_power (lower is better)", "active_channels (higher is better)"]
    assert "5 bins a value" in figure.get_suptitle()
    assert "72 of the training split" in figure.get_suptitle()


def test_what_is_drawn_is_what_is_stored(recorded):
    store = TrajectoryStore.open(recorded)
    drawn = panels(page(store))
    rows = store.rows("train")
    shares = [bar.get_height() for bar in drawn["max_power (lower is better)"].patches]
    assert sum(shares) == pytest.approx(1)
    assert drawn["max_power (lower is better)"].get_xlabel() == "max_power [W]"
    widths = [bar.get_width() for bar in drawn["episodes by behaviour and split"].patches]
    assert sum(widths) == len(store)
    returns = np.concatenate([line.get_xdata() for line in drawn["normalised return: 0 reference, 1 certified"].lines])
    stored = store.gather("return_normalised", rows).numpy()
    np.testing.assert_allclose(np.sort(returns), np.sort(np.clip(stored, -1, None)))
    median = drawn["reward of each step"].lines[0].get_ydata()
    np.testing.assert_allclose(median, np.median(store.gather("rewards", rows).numpy(), axis=0))


def test_padding_is_not_drawn(ragged_store, ragged):
    train = ragged.split == "train"
    taken = np.arange(8) < ragged.length[train][:, None]
    median = panels(page(ragged_store))["reward of each step"].lines[0].get_ydata()
    expected = [np.median(ragged.rewards[train][taken[:, step], step]) for step in range(8)]
    np.testing.assert_allclose(median, expected, rtol=1e-5)


def test_learning_is_drawn_where_there_is_any(store, recorded):
    title = "while agents learn: median, 10 % to 90 %"
    assert len(panels(page(store))[title].lines) == 3
    assert [text.get_text() for text in panels(page(TrajectoryStore.open(recorded)))[title].texts] == [
        "no behaviour learned while it was recorded"]


def test_a_large_dataset_is_thinned_evenly(store, episodes, monkeypatch):
    monkeypatch.setattr(module, "EPISODES", 10)
    figure = page(store)
    assert "drawn: 10 of the training split" in figure.get_suptitle()
    returns = [line.get_xdata() for line in panels(figure)["normalised return: 0 reference, 1 certified"].lines]
    train = episodes.return_normalised[episodes.split == "train"]
    expected = np.clip(train[np.linspace(0, len(train) - 1, 10).astype(int)], -1, None)
    np.testing.assert_allclose(np.sort(np.concatenate(returns)), np.sort(expected))


def test_equal_datasets_give_equal_bytes(recorded, tmp_path):
    for name in ("a", "b"):
        save_page(TrajectoryStore.open(recorded), tmp_path / f"{name}.png")
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()
    picture = imread(tmp_path / "a.png")
    assert picture.shape[:2] == (1030, 1560)
    assert len(np.unique(picture.reshape(-1, picture.shape[2]), axis=0)) > 50


def test_a_page_is_written_whole_or_not_at_all(recorded, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError, match=r"file"):
        save_page(TrajectoryStore.open(recorded), tmp_path / "file" / "page.png")


@pytest.mark.parametrize(("values", "scale", "edges"), [
    ([1e-3, 1.0, 5.0], "log", 60), ([0.0, 3.0, 7.0], "linear", 9), ([2.0, 2.0], "linear", 60),
    ([0.5, 0.25], "linear", 60), ([0.0, 600.0], "linear", 62)])
def test_bins_hold_every_value(values, scale, edges):
    found, bins = module._bins(np.array(values))
    assert (found, len(bins)) == (scale, edges)
    assert np.histogram(values, bins)[0].sum() == len(values)
    assert np.all(np.diff(bins) > 0)
