"""Trajectory datasets as Minari reads them: one HDF5 group an episode, spaces, provenance, metadata of each episode.

Minari's own storage class writes the files, so that they are what `minari.load_dataset` expects. One group an episode
is slow for short episodes (about 1 000 a second): export what a consumer needs, by split and by number.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from gymnasium.envs.registration import EnvSpec
from torch import Tensor

import aign
from aign.errors import DatasetError, StorageError, out_of_memory
from aign.exchange.batches import Report, batches, chosen_rows, silent
from aign.exchange.consumer_rules import check_spaces, exported_actions, replayability, stored_options
from aign.files.writing import building
from aign.scenarios.core import environments
from aign.scenarios.core.scenario import Scenario
from aign.trajectories.reader import TrajectoryStore
from aign.trajectories.schema import Episodes

NAMESPACE = "aign"
VERSION = "v0"
MISSING = "Exporting to Minari needs packages that are not installed. Install them with: pip install 'aign[exports]'"


@dataclass(frozen=True)
class Provenance:
    """Who made a dataset, and with what code; left out of the export where not given.

    Attributes:
        author: person or programme; by default the author in the dataset's own provenance.
        email: where to reach the author.
        code_permalink: address of the code, at the commit that made the dataset.
    """

    author: str | None = None
    email: str | None = None
    code_permalink: str | None = None


def dataset_id(store: TrajectoryStore, split: str | None) -> str:
    """Return the id under which Minari knows the export, such as aign/power-2-train-v0."""
    name = re.sub(r"[^\w-]+", "-", store.folder.resolve().name, flags=re.ASCII) or "dataset"
    return f"{NAMESPACE}/{name}-{split or 'all'}-{VERSION}"


@dataclass(frozen=True)
class MinariExport:
    """What was exported.

    Attributes:
        dataset_id: as `minari.load_dataset` takes it.
        episodes: how many.
        replayable: how many of them the recovered environment reproduces.
    """

    dataset_id: str
    episodes: int
    replayable: int


def export_minari(store: TrajectoryStore, root: Path, split: str | None = None, limit: int | None = None,
                  provenance: Provenance = Provenance(), report: Report = silent) -> MinariExport:
    """Write a split, or all of a dataset, as a Minari dataset.

    `MINARI_DATASETS_PATH=<root>` and `minari.load_dataset(<id>)` open it. Episodes keep their order.

    | of an episode of t steps | |
    |---|---|
    | observations | float32 (t+1, D), as stored |
    | actions | float32 (t, A), as stored, or where one of several choices is taken its number, int64 (t,) |
    | rewards | float64 (t,), as stored; of datasets before format version 3, which hold float32, the simulator's own |
    | terminations, truncations | set at the last step from the episode's own two flags |

    Metadata of episode i (`dataset.storage.get_episode_metadata([i])`): behaviour, source, split, ids, returns,
    utility, labels, and how to begin it again: `seed` and `options` (context and first state), as `reset` of the
    recovered environment takes them. `replayable` says whether the environment, reset so, reproduces the episode from
    its actions. Episodes of a log that differ from the simulator, by what their import tolerated, are not.

    Args:
        store: the dataset.
        root: folder of Minari datasets; a dataset of the same id in it is replaced.
        split: "train", "validation" or "test"; None for all.
        limit: at most this many episodes, the first ones.
        provenance: author and code, for the metadata.
        report: told how many episodes are written.

    Raises:
        DatasetError: Minari is not installed, no such split, no episode in it, or an action or observation outside
            the space of the environment.
        StorageError: the disk is full or read-only.
    """
    rows = chosen_rows(store, split, limit)
    name = dataset_id(store, split)
    if (root / name).exists() and not (root / name / "data" / "metadata.json").is_file():
        raise DatasetError(f"{root / name}: exists but is not a Minari dataset, so it is not replaced. Choose another "
                           "folder, or move this one away.")
    replayable = _written(store, root / name, _metadata(store, name, split, rows.numpy(), provenance), rows, report)
    return MinariExport(name, len(rows), sum(replayable))


def _written(store: TrajectoryStore, target: Path, metadata: dict[str, Any], rows: Tensor,
             report: Report) -> list[bool]:
    """Write the folder of some rows of a dataset, whole or not at all; return which episodes are replayable."""
    try:
        from minari.dataset._storages.hdf5_storage import HDF5Storage
        from minari.dataset.minari_storage import MinariStorage
    except ImportError:
        raise DatasetError(MISSING) from None
    replayable: list[bool] = []
    with building(target) as folder:
        data = folder.resolve() / "data"  # Minari does not find a relative one again
        data.mkdir()
        try:
            storage = MinariStorage.new(data, environments.observation_space(store.scenario),
                                        environments.action_space(store.scenario), _environment(store.scenario),
                                        HDF5Storage.FORMAT)
            storage.update_metadata(metadata)
            storage.update_episodes(_buffers(store, rows, replayable, report))
            entries = (entry for part in batches(store, rows) for entry in _entries(part))
            storage.update_episode_metadata({**entry, "replayable": again}
                                            for entry, again in zip(entries, replayable, strict=True))
            storage.update_metadata({"replayable_episodes": sum(replayable)})
        except RuntimeError as error:  # what HDF5 raises on a full disk, beside OSError
            if out_of_memory(error):  # of the simulator
                raise
            raise StorageError(f"{target}: cannot be written ({error}). Free some disk space or choose another "
                               "folder.") from error
    return replayable


def _environment(scenario: Scenario[Any]) -> EnvSpec:
    """Return what `recover_environment` makes the network from, where aign is installed."""
    parameters = {key: value for key, value in scenario.spec().items() if key != "name"}
    return EnvSpec(environments.environment_id(scenario.name), entry_point=f"{environments.__name__}:ScenarioEnv",
                   kwargs={"scenario": scenario.name, **parameters})


def _metadata(store: TrajectoryStore, name: str, split: str | None, rows: np.ndarray[Any, Any],
              provenance: Provenance) -> dict[str, Any]:
    from minari import __version__

    behaviours = np.unique(store.strings("behaviour")[rows]).tolist()
    author = provenance.author or store.info["provenance"].get("author")
    metadata: Mapping[str, Any] = {
        "dataset_id": name,
        "minari_version": __version__,
        "algorithm_name": ", ".join(behaviours),
        "description": f"{store.scenario.summary.rstrip('.')}. Episodes of {', '.join(behaviours)}; split "
                       f"{split or 'all'}. Labels and returns are in each episode's metadata.",
        "requirements": [f"aign=={aign.__version__}"],
        "author": {author} if author else None,
        "author_email": {provenance.email} if provenance.email else None,
        "code_permalink": provenance.code_permalink,
        "scenario": store.info["scenario"],
        "features": store.info["features"],
        "labels": store.info["labels"],
    }
    return {key: value for key, value in metadata.items() if value is not None}


def _buffers(store: TrajectoryStore, rows: Tensor, replayable: list[bool], report: Report) -> Iterator[Any]:
    """Yield one buffer an episode, without the padding after its end; fill `replayable`."""
    from minari.data_collector import EpisodeBuffer

    scenario, done = store.scenario, 0
    for part in batches(store, rows):
        actions = exported_actions(scenario, part.actions)
        check_spaces(scenario, store.folder, rows[done:].numpy(), part.observations, actions, part.length)
        rewards, again = replayability(scenario, part)
        last = np.arange(scenario.horizon) == part.length[:, None] - 1
        terminations, truncations = last & part.terminated[:, None], last & part.truncated[:, None]
        for index, steps in enumerate(part.length.tolist()):
            yield EpisodeBuffer(
                id=done + index, seed=int(part.env_seed[index]), options=stored_options(scenario, part, index),
                observations=part.observations[index, :steps + 1], actions=actions[index, :steps],
                rewards=rewards[index, :steps], terminations=terminations[index, :steps],
                truncations=truncations[index, :steps], infos={})
        replayable += again.tolist()
        done += len(part)
        report(done, len(rows))


def _entries(part: Episodes) -> Iterator[dict[str, Any]]:
    """Yield the metadata of each episode; a slash in a key makes a nested dictionary when it is read."""
    for index in range(len(part)):
        yield {
            **{name: str(getattr(part, name)[index]) for name in ("behaviour", "source", "split")},
            **{name: getattr(part, name)[index] for name in ("return_raw", "return_normalised", "utility",
                                                             "context_id", "agent_step", "agent_seed")},
            **{f"labels/{name}": values[index] for name, values in part.labels.items()},
        }
