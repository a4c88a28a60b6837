"""Are the files that describe a dataset what its shards give? They are made again, aside, and compared."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

import aign
from aign.errors import DatasetError
from aign.files import manifest
from aign.trajectories.assemble import describe
from aign.trajectories.contexts import CONTEXTS
from aign.trajectories.information import information
from aign.trajectories.reader import TrajectoryStore
from aign.trajectories.schema import FORMAT_VERSION
from aign.trajectories.trajectory_quality import PLAIN, VERSION

INFO, STATS, QUALITY = (f"meta/{name}.json" for name in ("info", "stats", "quality"))
CARD, STATE, DATASET_INFO = "README.md", "state.json", "dataset_info.json"
FILES = (INFO, STATS, QUALITY, STATE, CARD, DATASET_INFO)
"""All files that are derived from the shards."""


def check_description(store: TrajectoryStore, sums: Mapping[str, str]) -> tuple[list[str], int]:
    """Compare the descriptions of a dataset with what its shards give, exactly.

    What the shards cannot tell is taken as it stands: provenance, and the versions of packages. The wording of
    README.md is that of the aign that wrote it, the features in dataset_info.json are spelled by its `datasets`; with
    other versions than theirs, or an older format or quality version, these two are checked by the manifest alone.

    Args:
        store: the dataset.
        sums: SHA-256 of every file but the manifest.

    Returns:
        the names of the files compared, and how many figures they hold.

    Raises:
        DatasetError: naming the file and the first figure, or line, that differs, with both values.
    """
    info, quality_version = _information(store), _quality_version(store.folder / QUALITY)
    names = _reproducible(info, quality_version)
    extras = sorted(name for name in sums if name not in FILES and not name.endswith(".arrow"))
    shards = {shard.path.name: sums[shard.path.name] for shard in store.shards}
    figures = 0
    with tempfile.TemporaryDirectory() as scratch:
        describe(Path(scratch), shards, store.shards, store.scenario, info, extras,
                 store.folder / CONTEXTS if CONTEXTS in sums else None, quality_version)
        for name in names:
            figures += _compare(store.folder / name, Path(scratch) / name, info["versions"])
    return names, figures


def _information(store: TrajectoryStore) -> dict[str, Any]:
    """Return what meta/info.json should hold, in the dataset's own format version."""
    stored = store.info
    for name in ("provenance", "versions"):
        if not isinstance(stored.get(name), dict):
            raise DatasetError(f"{store.folder / INFO}: {name!r} is missing. {manifest.REMEDY}")
    if not isinstance(stored["versions"].get("aign"), str):
        raise DatasetError(f"{store.folder / INFO}: 'versions.aign' is missing. {manifest.REMEDY}")
    info = {**information(store.shards, store.scenario, stored["provenance"]), "versions": stored["versions"]}
    former = {"kind": "continuous", "size": store.scenario.action_size, "low": -1.0, "high": 1.0}
    if store.scenario.choices is not None and stored.get("action") == former:
        info["action"] = former  # what earlier programs said of choices
    info["format_version"] = stored["format_version"]
    if info["format_version"] == 1:
        info["splits"] = {split: {name: value for name, value in counts.items() if name != "sources"}
                          for split, counts in info["splits"].items()}
    return info


def _quality_version(path: Path) -> int:
    """Return in which convention quality.json states trajectory quality: an older one is made again as it was."""
    figures = _json(path, _text(path))
    return PLAIN if isinstance(figures, dict) and "version" not in figures else VERSION


def _reproducible(info: Mapping[str, Any], quality_version: int) -> list[str]:
    """Return the files that this program writes as the one did that made the dataset."""
    names, versions = [INFO, STATS, QUALITY, STATE], info["versions"]
    if (info["format_version"], quality_version) == (FORMAT_VERSION, VERSION) and versions["aign"] == aign.__version__:
        names.append(CARD)
        if versions.get("datasets") == version("datasets"):
            names.append(DATASET_INFO)
    return names


def _compare(path: Path, made: Path, versions: Mapping[str, Any]) -> int:
    """Refuse a file that is not the one made again; return how many figures (of a card: lines) it holds."""
    text, expected = _text(path), made.read_text(encoding="utf-8")
    if path.suffix == ".json":
        stored, needed = _figures(_json(path, text)), _figures(json.loads(expected))
    else:
        stored, needed = ({f"line {number}": repr(line) for number, line in enumerate(content.splitlines(), start=1)}
                          for content in (text, expected))
    for name in [*needed, *stored]:
        if stored.get(name) != needed.get(name):
            raise DatasetError(f"{path}, {name}: {stored.get(name, 'nothing')} stored, the shards give "
                               f"{needed.get(name, 'nothing')}.{_other_numpy(versions)} {manifest.REMEDY}")
    if text != expected:
        raise DatasetError(f"{path}: formatted otherwise than aign does. {manifest.REMEDY}")
    return len(stored)


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, ValueError) as error:
        raise DatasetError(f"{path}: not readable as text ({error}). {manifest.REMEDY}") from None


def _json(path: Path, text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError as error:
        raise DatasetError(f"{path}: not readable as JSON ({error}). {manifest.REMEDY}") from None


def _figures(value: Any, place: str = "") -> dict[str, str]:
    """Return every figure of a JSON value by its place, such as rewards.mean or labels[2].name, written out exactly."""
    if isinstance(value, dict) and value:
        parts = {f"{place}.{name}" if place else str(name): inner for name, inner in value.items()}
    elif isinstance(value, list) and value:
        parts = {f"{place}[{index}]": inner for index, inner in enumerate(value)}
    else:
        return {place: json.dumps(value)}
    return {name: figure for path, inner in parts.items() for name, figure in _figures(inner, path).items()}


def _other_numpy(versions: Mapping[str, Any]) -> str:
    """Return what may explain last digits that differ."""
    made, here = versions.get("numpy"), version("numpy")
    return "" if made == here else f" The dataset was made with numpy {made}, this is {here}."
