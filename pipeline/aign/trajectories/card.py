"""The dataset card: README.md of a dataset folder, in the form that the Hugging Face Hub reads."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from string import Template
from typing import Any

import pyarrow as pa
import yaml

from aign.files.writing import json_text
from aign.scenarios.core.scenario import Scenario
from aign.trajectories.layout import dtype_of, is_text, shape_of
from aign.trajectories.schema import OWN_SOURCE, SPLITS, arrow_schema
from aign.trajectories.trajectory_quality import shown

CITATION = """@article{huang_aign,
  title  = {{AI}-Generated Network Design: A Diffusion Model-based Learning Approach},
  author = {Huang, Yudong and Xu, Minrui and Zhang, Xinyuan and Niyato, Dusit and Xiong, Zehui and Wang, Shuo and
            Huang, Tao},
}"""

SIZES = ((10**3, "n<1K"), (10**4, "1K<n<10K"), (10**5, "10K<n<100K"), (10**6, "100K<n<1M"), (10**7, "1M<n<10M"),
         (10**8, "10M<n<100M"), (10**9, "100M<n<1B"))

MEANINGS = {
    "episode_id": "unique number of the episode",
    "observations": "what the agent saw before each step and at the end: state, fixed part, time",
    "actions": "what it did, each value in [-1, 1]",
    "rewards": "reward of each step",
    "length": "steps taken; what follows them is padding",
    "terminated": "the episode came to its own end",
    "truncated": "it was cut off",
    "return_raw": "sum of the rewards",
    "return_normalised": "(U - U_ref) / (U* - U_ref): 0 the cheap reference, 1 the certified optimum",
    "utility": "utility U of the final design",
    "behaviour": "who acted",
    "agent_step": "environment steps the agent had learned from; 0 where nothing learns",
    "agent_seed": "seed of the agent",
    "env_seed": "seed of the episode",
    "context_id": "number of the context, unique over all splits",
    "context": "what nature decided: see Context",
    "source": "the dataset or log the episode came from; `collect` where aign recorded it",
    "split": "train, validation or test",
}

UNITS = {"observations": "see Observation", "context": "see Context"}

TEMPLATE = Template("""---
$front_matter---

# $title

$summary.

Each row is one complete episode in which an agent, a heuristic or a solver-guided walk designs a network step by
step; the last state is the design. There are $episodes episodes of $horizon steps. Values are raw, in the units
below; `meta/stats.json` has the numbers to normalise with.

```python
from datasets import load_from_disk
dataset = load_from_disk("path/to/this/folder")

from aign.trajectories.reader import TrajectoryStore  # checks every byte, then reads at the speed of memory
store = TrajectoryStore.open("path/to/this/folder")
```

Rewards, labels, utility and returns are float64. The formats "torch" and "numpy" of `datasets` round them to float32
unless a `dtype` is given: `dataset.with_format("torch", dtype=torch.float64)`.

$sections
## Citation

```bibtex
$citation
```
""")

SECTIONS = Template("""$level Columns

$columns

$level# Context

$context

$level# State

The first $state_size values of an observation.

$state

$level# Observation

$observation

$level Splits

Splits are by context: no context of one split occurs in another. Sources: $sources.

$splits

$level Quality

| figure | value |
|---|---|
| trajectory quality | $trajectory_quality |
| state-action coverage | $coverage ($unique different cells of $total transitions) |
| duplicate episodes | $duplicates |

Trajectory quality: $convention
State-action coverage: $binning

$behaviours

$level Known biases

- Contexts are drawn from one distribution, that of the scenario `$name`; other networks, and real measurements, are
  not in it.
- Episodes are not equally good: the table above says how many come from whom. Random and early ones are poor on
  purpose; where solver-guided ones are many, the data look better than any agent that learns alone.
- The behaviours see the same contexts, so that rows of one context are not independent: resample by `context_id`.
- The normalised return is relative to the certificate of each context; where that is an upper bound that no design
  reaches, even the best episode stays below 1.

$level How it was made

By `aign` $version, with `scenario = $spec`. \
Packages, features and counts are in `${place}meta/info.json`; the sum of each
file in `${place}meta/manifest.json`.$extras

```json
$provenance```
""")


def card(scenario: Scenario[Any], info: Mapping[str, Any], figures: Mapping[str, Any], extras: Sequence[str]) -> str:
    """Return the card as Markdown with YAML front matter.

    Args:
        scenario: whose episodes these are.
        info: content of meta/info.json.
        figures: content of meta/quality.json.
        extras: names of further files in the folder.
    """
    title = f"AIGN trajectories: {scenario.name}"
    return TEMPLATE.substitute(
        front_matter=yaml.safe_dump(metadata(title, [scenario.name], info["episodes"]), sort_keys=False), title=title,
        summary=scenario.summary.rstrip("."), episodes=f"{info['episodes']:,}", horizon=scenario.horizon,
        sections=sections(scenario, arrow_schema(scenario), info, figures, extras), citation=CITATION)


def sections(scenario: Scenario[Any], schema: pa.Schema, info: Mapping[str, Any], figures: Mapping[str, Any],
             extras: Sequence[str], level: str = "##", place: str = "") -> str:
    """Return what a card says of one dataset: columns, splits, quality, biases, how it was made.

    Args:
        scenario: whose episodes these are.
        schema: the columns.
        info: content of meta/info.json, of any format version.
        figures: of its quality, see `quality.read_quality`.
        extras: names of further files in the folder.
        level: the mark of the headings.
        place: of the folder that holds meta/, seen from the card; empty or ending in a slash.
    """
    coverage = figures["state_action_coverage"]
    return SECTIONS.substitute(
        level=level, place=place, columns=_columns(scenario, schema), state_size=scenario.state_size,
        context=_features(info["features"]["context"]), state=_features(info["features"]["state"]),
        observation=_features(info["features"]["observation"]), splits=_splits(info["splits"]),
        sources=_sources(info["splits"]),
        trajectory_quality=shown(figures["trajectory_quality"]), coverage=f"{coverage['value']:.4f}",
        unique=f"{coverage['unique']:,}", total=f"{coverage['total']:,}",
        duplicates=f"{figures['duplicates']['count']:,} ({figures['duplicates']['share']:.1%})",
        convention=_convention(figures["trajectory_quality"]), binning=coverage["binning"],
        behaviours=_behaviours(figures["behaviours"]), name=scenario.name, version=info["versions"]["aign"],
        spec=json_text(info["scenario"]).replace("\n", "").strip(), provenance=json_text(info["provenance"]),
        extras=f" Further files: {', '.join(f'`{name}`' for name in extras)}." if extras else "")


def metadata(title: str, scenarios: Sequence[str], episodes: int) -> dict[str, Any]:
    """Return the front matter of a card about so many episodes of some scenarios."""
    size = next((text for limit, text in SIZES if episodes < limit), "n>1B")
    return {
        "license": "apache-2.0", "pretty_name": title, "size_categories": [size],
        "task_categories": ["reinforcement-learning"],
        "tags": ["offline-reinforcement-learning", "network-design", "trajectories", "decision-diffuser", *scenarios],
    }


def table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Return a Markdown table."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(str(cell).replace("|", "\\|") for cell in line) + " |" for line in lines)


def _columns(scenario: Scenario[Any], schema: pa.Schema) -> str:
    labels = {label.name: label for label in scenario.labels}
    rows = []
    for field in schema:
        kind = "str" if is_text(field.type) else str(dtype_of(field.type))
        shape = "".join(f"[{size}]" for size in shape_of(field.type))
        label = labels.get(field.name)
        meaning = f"{label.description.rstrip('.')}; {label.better} is better" if label else MEANINGS[field.name]
        unit = label.unit if label else UNITS.get(field.name, "")
        rows.append((f"`{field.name}`", kind + shape, unit, meaning))
    return table(("column", "type", "unit", "meaning"), rows)


def _features(features: Iterable[Mapping[str, Any]]) -> str:
    def bound(value: float | None) -> str:
        return "none" if value is None else f"{value:g}"

    return table(("feature", "values", "unit", "least", "largest", "meaning"),
                  [(f"`{one['name']}`", one["size"], one["unit"], bound(one["low"]), bound(one["high"]),
                    one["description"]) for one in features])


def _splits(splits: Mapping[str, Any]) -> str:
    return table(("split", "episodes", "contexts"),
                  [(name, splits[name]["episodes"], splits[name]["contexts"]) for name in SPLITS])


def _sources(splits: Mapping[str, Any]) -> str:
    counts = Counter[str]()
    for split in splits.values():
        counts.update(split.get("sources", {OWN_SOURCE: split["episodes"]}))  # version 1 does not state them
    return ", ".join(f"`{name}` ({count:,} episodes)" for name, count in sorted(counts.items()))


def _convention(quality: Mapping[str, Any]) -> str:
    few = quality["degenerate_contexts"]
    return f"{quality['convention']} {few['meaning']}" if few else str(quality["convention"])


def _behaviours(behaviours: Mapping[str, Any]) -> str:
    return table(("behaviour (training split)", "episodes", "share", "trajectory quality", "return_normalised, q10",
                  "median", "q90"),
                 [(f"`{name}`", one["episodes"], f"{one['share']:.1%}", _number(one["trajectory_quality"]),
                   *(f"{one['return_normalised'][key]:.3f}" for key in ("q10", "q50", "q90")))
                  for name, one in sorted(behaviours.items())])


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"
