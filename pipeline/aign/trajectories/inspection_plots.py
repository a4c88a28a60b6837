"""A page of plots about a dataset: who acted and how well, what came out, where it took place.

Axes: E episodes of the training split, T steps.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor

from aign.files.writing import writing
from aign.trajectories.quality import read_quality
from aign.trajectories.reader import TrajectoryStore
from aign.trajectories.schema import SPLITS
from aign.trajectories.trajectory_quality import quality_text

EPISODES = 20_000
"""Most training episodes drawn, evenly spaced: a page needs no more, and memory stays bounded."""
LEAST_RETURN = -1.0
"""Normalised returns are drawn from here on; the share below is stated."""
COLUMNS = 3
BINS = 60
INK, ACCENT, SOFT = "#1f2a44", "#d1495b", "#7a9cc6"

Array = np.ndarray[Any, Any]


def save_page(store: TrajectoryStore, path: Path) -> None:
    """Write the page as PNG, whole or not at all; the same dataset gives the same bytes.

    Raises:
        DatasetError: meta/quality.json is missing or malformed.
        StorageError: the disk is full or read-only.
    """
    figure = page(store)
    with writing(path) as aside:
        figure.savefig(aside, dpi=100, format="png", metadata={"Software": None})


def page(store: TrajectoryStore) -> Figure:
    """Return the page: shares, returns, learning, rewards, actions, contexts, and one panel a label."""
    sample = _Sample(store)
    panels: list[Callable[[Axes], None]] = [
        sample.draw_shares, sample.draw_returns, sample.draw_learning, sample.draw_rewards,
        lambda axes: sample.draw_histogram(axes, "actions", "all action values", ""),
        lambda axes: sample.draw_histogram(axes, "context", _features(store, "context"), _units(store, "context"))]
    for label in store.info["labels"]:
        panels.append(lambda axes, label=label: sample.draw_histogram(  # type: ignore[misc]
            axes, label["name"], f"{label['name']} ({label['better']} is better)", label["unit"]))
    rows = -(-len(panels) // COLUMNS)
    figure = Figure(figsize=(5.2 * COLUMNS, 3.1 * rows + 1), layout="constrained")
    grid = figure.subplots(rows, COLUMNS, squeeze=False).flatten()
    for axes, panel in zip(grid, panels, strict=False):
        panel(axes)
        axes.grid(alpha=0.3)
        if panel != sample.draw_returns and axes.get_legend_handles_labels()[0]:  # that legend serves the whole page
            axes.legend(fontsize=7)
    for axes in grid[len(panels):]:
        axes.set_axis_off()
    figure.legend(*grid[1].get_legend_handles_labels(), loc="outside lower center", ncols=5, fontsize=8)
    figure.suptitle(_heading(store, len(sample.rows)), fontsize=11)
    return figure


def _heading(store: TrajectoryStore, drawn: int) -> str:
    figures = read_quality(store)
    quality, coverage, twins = (figures[name] for name in ("trajectory_quality", "state_action_coverage", "duplicates"))
    return (f"{store.folder.name}: {store.info['scenario']['name']}, {len(store):,} episodes; drawn: {drawn:,} of the "
            f"training split\ntrajectory quality {quality_text(quality)}; "
            f"state-action coverage {coverage['value']:.4g} "
            f"with {coverage['bins']} bins a value; duplicates: {twins['count']:,}")


def _features(store: TrajectoryStore, kind: str) -> str:
    return f"{kind}: {', '.join(feature['name'] for feature in store.info['features'][kind])}"


def _units(store: TrajectoryStore, kind: str) -> str:
    return ", ".join(sorted({feature["unit"] for feature in store.info["features"][kind]}))


class _Sample:
    """Evenly spaced training episodes, and how to draw them."""

    def __init__(self, store: TrajectoryStore) -> None:
        rows = store.rows("train")
        self.store = store
        self.rows = rows[torch.linspace(0, len(rows) - 1, min(len(rows), EPISODES), dtype=torch.float64).long()]
        self.behaviour = store.strings("behaviour")[self.rows.numpy()]
        self.names = sorted(set(self.behaviour.tolist()))
        self.length = self.column("length")

    def column(self, name: str) -> Array:
        """Return the values of a column in the episodes drawn, (E, ...)."""
        values: Tensor = self.store.gather(name, self.rows)
        return values.numpy()

    def draw_returns(self, axes: Axes) -> None:
        """Draw the distribution function of the normalised return, one line a behaviour."""
        returns = self.column("return_normalised")
        for place, name in enumerate(self.names):
            values = np.sort(returns[self.behaviour == name])
            below = (values < LEAST_RETURN).mean()
            shares = (np.arange(len(values)) + 1) / len(values)
            axes.plot(np.clip(values, LEAST_RETURN, None), shares, color=f"C{place}",
                      label=f"{name} ({below:.0%} below {LEAST_RETURN:g})" if below else name)
        axes.set(title="normalised return: 0 reference, 1 certified", xlabel="return_normalised",
                 ylabel="share of episodes at most", xlim=(LEAST_RETURN, 1.05))

    def draw_learning(self, axes: Axes) -> None:
        """Draw how the normalised return changes while agents learn: median, and band from 10 % to 90 %."""
        returns, steps = self.column("return_normalised"), self.column("agent_step")
        for place, name in enumerate(self.names):
            rows = np.flatnonzero(self.behaviour == name)
            if len(np.unique(steps[rows])) > 1:
                parts = [part for part in np.array_split(rows[np.argsort(steps[rows], kind="stable")], 20) if len(part)]
                at = [steps[part].mean() for part in parts]
                low, median, high = np.array([np.quantile(returns[part], (0.1, 0.5, 0.9)) for part in parts]).T
                axes.plot(at, median, color=f"C{place}")
                axes.fill_between(at, low, high, color=f"C{place}", alpha=0.2, linewidth=0)
        if not axes.lines:
            axes.text(0.5, 0.5, "no behaviour learned while it was recorded", ha="center", transform=axes.transAxes)
        axes.set(title="while agents learn: median, 10 % to 90 %", xlabel="environment steps learned from",
                 ylabel="return_normalised", ylim=(LEAST_RETURN, 1.05))

    def draw_shares(self, axes: Axes) -> None:
        """Draw how many episodes each behaviour has in each split."""
        counts = {split: self.store.info["splits"][split]["behaviours"] for split in SPLITS}
        names = sorted(set().union(*counts.values()), reverse=True)
        left = np.zeros(len(names))
        for split, colour in zip(SPLITS, (SOFT, INK, ACCENT), strict=True):
            width = np.array([counts[split].get(name, 0) for name in names])
            axes.barh(names, width, left=left, color=colour, label=split)
            left += width
        axes.set(title="episodes by behaviour and split", xlabel="episodes")

    def draw_rewards(self, axes: Axes) -> None:
        """Draw the rewards of each step: median, and band from 10 % to 90 %."""
        rewards = self.column("rewards")
        taken = np.arange(rewards.shape[1]) < self.length[:, None]
        steps = np.flatnonzero(taken.any(axis=0))
        low, median, high = np.array([np.quantile(rewards[taken[:, step], step], (0.1, 0.5, 0.9)) for step in steps]).T
        axes.fill_between(steps + 1, low, high, color=SOFT, alpha=0.4, linewidth=0, label="10 % to 90 %")
        axes.plot(steps + 1, median, color=INK, label="median")
        axes.set(title="reward of each step", xlabel="step", ylabel="reward", yscale="symlog")

    def draw_histogram(self, axes: Axes, name: str, title: str, unit: str) -> None:
        """Draw the distribution of all values of a column; padding is left out."""
        values = self.column(name)
        if name == "actions":
            values = values[np.arange(values.shape[1]) < self.length[:, None]]
        values = values.astype(np.float64).flatten()
        scale, edges = _bins(values)
        axes.hist(values, bins=edges, weights=np.full(len(values), 1 / len(values)), color=SOFT)
        axes.set(title=title, xlabel=f"{name} [{unit}]" if unit else name, ylabel="share", xscale=scale)


def _bins(values: Array) -> tuple[str, list[float]]:
    """Return the scale and the edges of bins that suit some values: even, whole, or even in the logarithm."""
    low, high = float(values.min()), float(values.max())
    if low > 0 and high > 100 * low:
        return "log", np.geomspace(low, high, BINS).tolist()
    if high > low and (values == values.round()).all():
        step = max(1, round((high - low) / BINS))
        return "linear", np.arange(low - step / 2, high + step, step).tolist()
    return "linear", np.linspace(low, high if high > low else low + 1, BINS).tolist()
