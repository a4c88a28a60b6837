"""The card of a published dataset: README.md whose front matter tells `datasets` and the hub what to open."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from aign.exchange.local_store import LocalStore
from aign.exchange.parquet import FileContent
from aign.files.templates import render
from aign.trajectories.card import CITATION, metadata, sections
from aign.trajectories.quality import read_quality
from aign.trajectories.schema import SPLITS
from aign.trajectories.trajectory_quality import quality_text


@dataclass(frozen=True, eq=False)
class VariantContent:
    """A variant of a publication, as it was written.

    Attributes:
        name: of its folder and configuration.
        store: the local dataset.
        files: split -> name of a file -> what it holds.
    """

    name: str
    store: LocalStore
    files: Mapping[str, Mapping[str, FileContent]]


def card(variants: Sequence[VariantContent], folder: Path) -> str:
    """Return the card as Markdown with YAML front matter.

    Args:
        variants: at least one; the first is opened by default.
        folder: where their files lie, for their sizes.
    """
    scenarios = sorted({str(variant.store.opened.info["scenario"]["name"]) for variant in variants})
    episodes = sum(len(variant.store.opened) for variant in variants)
    title = f"AIGN trajectories: {', '.join(scenarios)}"
    front = {**metadata(title, scenarios, episodes), "configs": _configs(variants),
             "dataset_info": [_dataset_info(variant, folder) for variant in variants]}
    return render("exchange/dataset_card.md.jinja", title=title, episodes=episodes, splits=SPLITS, citation=CITATION,
                  front_matter=yaml.safe_dump(front, sort_keys=False, allow_unicode=True, width=120),
                  default=variants[0].name, variants=list(map(_variant, variants)))


def _variant(variant: VariantContent) -> dict[str, Any]:
    """Return what the card says of a variant."""
    store, place = variant.store, f"store/{variant.name}/"
    scenario, figures = store.opened.scenario, read_quality(store.opened)
    return {"name": variant.name, "digest": store.digest, "info": store.opened.info,
            "summary": scenario.summary.rstrip("."), "quality": quality_text(figures["trajectory_quality"]),
            "sections": sections(scenario, store.schema, store.opened.info, figures,
                                 [place + name for name in store.extras], "###", place)}


def _configs(variants: Sequence[VariantContent]) -> list[dict[str, Any]]:
    configs: list[dict[str, Any]] = [
        {"config_name": variant.name,
         "data_files": [{"split": split, "path": f"{variant.name}/{split}-*.parquet"} for split in variant.files]}
        for variant in variants]
    configs[0]["default"] = True
    return configs


def _dataset_info(variant: VariantContent, folder: Path) -> dict[str, Any]:
    """Return features and sizes of a variant in the words of `datasets`."""
    from datasets import Features
    from datasets.info import DatasetInfo, DatasetInfosDict
    from datasets.splits import SplitDict, SplitInfo
    from huggingface_hub import DatasetCardData

    splits = SplitDict()
    for split, files in variant.files.items():
        splits.add(SplitInfo(split, sum(file.memory for file in files.values()),
                             sum(file.rows for file in files.values())))
    names = [name for files in variant.files.values() for name in files]
    info = DatasetInfo(features=Features.from_arrow_schema(variant.store.schema), splits=splits,
                       download_size=sum((folder / variant.name / name).stat().st_size for name in names),
                       dataset_size=sum(split.num_bytes for split in splits.values()))
    data = DatasetCardData()
    DatasetInfosDict({variant.name: info}).to_dataset_card_data(data)
    result: dict[str, Any] = data.to_dict()["dataset_info"]
    return result
