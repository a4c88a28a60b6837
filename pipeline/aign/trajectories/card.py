"""The dataset card: README.md of a dataset folder, in the form that the Hugging Face Hub reads."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import pyarrow as pa
import yaml

from aign.files.templates import render
from aign.scenarios.core.scenario import Scenario
from aign.trajectories.layout import dtype_of, is_text, shape_of
from aign.trajectories.schema import OWN_SOURCE, SPLITS, arrow_schema
from aign.trajectories.trajectory_quality import quality_text

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


class Column(NamedTuple):
    """A column of a dataset in words; its type has the shape of an episode, such as float32[9][41]."""

    name: str
    type: str
    unit: str
    meaning: str


def described_columns(schema: pa.Schema, labels: Sequence[Mapping[str, Any]]) -> Iterator[Column]:
    """Yield each column in words; `labels` are those of meta/info.json."""
    by_name = {label["name"]: label for label in labels}
    for field in schema:
        kind = "str" if is_text(field.type) else str(dtype_of(field.type))
        kind += "".join(f"[{size}]" for size in shape_of(field.type))
        if label := by_name.get(field.name):
            meaning = f"{label['description'].rstrip('.')}; {label['better']} is better"
            yield Column(field.name, kind, label["unit"], meaning)
        else:
            yield Column(field.name, kind, UNITS.get(field.name, ""), MEANINGS[field.name])


def card(scenario: Scenario[Any], info: Mapping[str, Any], figures: Mapping[str, Any], extras: Sequence[str]) -> str:
    """Return the card as Markdown with YAML front matter.

    Args:
        scenario: whose episodes these are.
        info: content of meta/info.json.
        figures: content of meta/quality.json.
        extras: names of further files in the folder.
    """
    title = f"AIGN trajectories: {scenario.name}"
    front = yaml.safe_dump(metadata(title, [scenario.name], info["episodes"]), sort_keys=False)
    return render("trajectories/card.md.jinja", front_matter=front, title=title, info=info, citation=CITATION,
                  summary=scenario.summary.rstrip("."),
                  sections=sections(scenario, arrow_schema(scenario), info, figures, extras))


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
    sources = Counter[str]()
    for split in info["splits"].values():
        sources.update(split.get("sources", {OWN_SOURCE: split["episodes"]}))  # version 1 does not state them
    quality = figures["trajectory_quality"]
    return render(
        "trajectories/card_sections.md.jinja", level=level, place=place, info=info, extras=extras, splits=SPLITS,
        scenario=scenario.name, state_size=scenario.state_size, columns=list(described_columns(schema, info["labels"])),
        sources=", ".join(f"`{name}` ({count:,} episodes)" for name, count in sorted(sources.items())),
        quality=quality, quality_text=quality_text(quality), coverage=figures["state_action_coverage"],
        duplicates=figures["duplicates"], behaviours=figures["behaviours"])


def metadata(title: str, scenarios: Sequence[str], episodes: int) -> dict[str, Any]:
    """Return the front matter of a card about so many episodes of some scenarios."""
    size = next((text for limit, text in SIZES if episodes < limit), "n>1B")
    return {
        "license": "apache-2.0", "pretty_name": title, "size_categories": [size],
        "task_categories": ["reinforcement-learning"],
        "tags": ["offline-reinforcement-learning", "network-design", "trajectories", "decision-diffuser", *scenarios],
    }
