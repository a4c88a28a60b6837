"""The card of a published dataset: README.md whose front matter tells `datasets` and the hub what to open."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from string import Template
from typing import Any

import yaml

from aign.exchange.local_store import LocalStore
from aign.exchange.parquet import Written
from aign.files.writing import json_text
from aign.trajectories.card import CITATION, metadata, sections, table
from aign.trajectories.quality import read_quality
from aign.trajectories.schema import SPLITS
from aign.trajectories.trajectory_quality import shown

TEMPLATE = Template("""---
$front_matter---

# $title

Each row is one complete episode in which an agent, a heuristic or a solver-guided walk designs a network step by
step; the last state is the design. There are $episodes episodes in $count. Values are raw, in the units given below.

$variants

## Opening it

With `datasets` alone (version 4 or later), also as a stream; here and below, the folder or its name on the hub:

```python
from datasets import load_dataset
train = load_dataset("path/to/this/folder", "$default", split="train")
stream = load_dataset("path/to/this/folder", "$default", split="train", streaming=True)
```

The formats "torch" and "numpy" of `datasets` round columns of float64 to float32 unless a `dtype` is given:
`train.with_format("torch", dtype=torch.float64)`.

With pandas or pyarrow: `pandas.read_parquet("path/to/this/folder/$default")`,
`pyarrow.dataset.dataset("path/to/this/folder/$default")`.

With `aign`, which checks every byte, gives back the local store bit for bit, and trains from it:
`aign dataset import path/to/this/folder --config $default --to data/trajectories/$default`.

| path | content |
|---|---|
| `<variant>/<split>-*.parquet` | the episodes |
| `store/<variant>/` | contexts with reference and certified utility (safetensors); what `meta/` of the dataset holds |
| `meta/manifest.json` | size and SHA-256 of every file |
| `meta/publication.json`, `meta/order/` | what `aign dataset import` needs |

$parts
## Citation

```bibtex
$citation
```
""")

PART = Template("""## Variant $name

$summary. Episodes have $horizon steps.

$sections""")


@dataclass(frozen=True, eq=False)
class Described:
    """A variant of a publication.

    Attributes:
        name: of its folder and configuration.
        store: the local dataset.
        files: split -> name of a file -> what it holds.
    """

    name: str
    store: LocalStore
    files: Mapping[str, Mapping[str, Written]]

    @property
    def scenario(self) -> str:
        """Name of the scenario."""
        return str(self.store.opened.info["scenario"]["name"])


def card(variants: Sequence[Described], folder: Path) -> str:
    """Return the card as Markdown with YAML front matter.

    Args:
        variants: at least one; the first is opened by default.
        folder: where their files lie, for their sizes.
    """
    scenarios = sorted({variant.scenario for variant in variants})
    episodes = sum(len(variant.store.opened) for variant in variants)
    title = f"AIGN trajectories: {', '.join(scenarios)}"
    front = {**metadata(title, scenarios, episodes), "configs": _configs(variants),
             "dataset_info": [_dataset_info(variant, folder) for variant in variants]}
    return TEMPLATE.substitute(
        front_matter=yaml.safe_dump(front, sort_keys=False, allow_unicode=True, width=120), title=title,
        episodes=f"{episodes:,}", count="one variant" if len(variants) == 1 else f"{len(variants)} variants",
        variants=_overview(variants), default=variants[0].name, parts="\n".join(map(_part, variants)),
        citation=CITATION)


def _configs(variants: Sequence[Described]) -> list[dict[str, Any]]:
    configs: list[dict[str, Any]] = [
        {"config_name": variant.name,
         "data_files": [{"split": split, "path": f"{variant.name}/{split}-*.parquet"} for split in variant.files]}
        for variant in variants]
    configs[0]["default"] = True
    return configs


def _dataset_info(variant: Described, folder: Path) -> dict[str, Any]:
    """Return features and sizes of a variant in the words of `datasets`."""
    from datasets import Features
    from datasets.info import DatasetInfo, DatasetInfosDict
    from datasets.splits import SplitDict, SplitInfo
    from huggingface_hub import DatasetCardData

    splits = SplitDict()
    for split, files in variant.files.items():
        splits.add(SplitInfo(split, sum(one.memory for one in files.values()),
                             sum(one.rows for one in files.values())))
    names = [name for files in variant.files.values() for name in files]
    info = DatasetInfo(features=Features.from_arrow_schema(variant.store.schema), splits=splits,
                       download_size=sum((folder / variant.name / name).stat().st_size for name in names),
                       dataset_size=sum(one.num_bytes for one in splits.values()))
    data = DatasetCardData()
    DatasetInfosDict({variant.name: info}).to_dataset_card_data(data)
    result: dict[str, Any] = data.to_dict()["dataset_info"]
    return result


def _overview(variants: Sequence[Described]) -> str:
    rows = []
    for variant in variants:
        info, figures = variant.store.opened.info, _figures(variant)
        rows.append((f"`{variant.name}`", f"`{json_text(info['scenario']).replace(chr(10), '').strip()}`",
                     *(f"{info['splits'][split]['episodes']:,}" for split in SPLITS),
                     shown(figures["trajectory_quality"]), f"`{variant.store.digest[:16]}`"))
    return table(("variant", "scenario", *SPLITS, "trajectory quality", "digest"), rows)


def _part(variant: Described) -> str:
    store, place = variant.store, f"store/{variant.name}/"
    scenario = store.opened.scenario
    return PART.substitute(
        name=variant.name, summary=scenario.summary.rstrip("."), horizon=scenario.horizon,
        sections=sections(scenario, store.schema, store.opened.info, _figures(variant),
                          [place + name for name in store.extras], "###", place))


def _figures(variant: Described) -> Any:
    return read_quality(variant.store.opened)
