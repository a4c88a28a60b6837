"""The contexts a dataset is about: drawn once, split once, with what is certified of each.

Axes: B contexts, C context values.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from aign.errors import DatasetError, ParameterError, unknown_name
from aign.files.writing import writing
from aign.scenarios.core.returns import normalised_return
from aign.scenarios.core.scenario import Scenario
from aign.scenarios.core.seeding import derived_generator
from aign.trajectories.schema import SPLITS

CONTEXTS = "contexts.safetensors"
"""The contexts file of a dataset folder."""
FIELDS = ("ids", "values", "reference", "optimum")
"""What it holds of each split, as tensors called train.ids and so on."""
DESIGN = "design"
"""What a file holds besides while a dataset is made: see `ContextPool.save`."""
ID_STRIDE = 1_000_000_000
"""First id of a split is its place in SPLITS times this, so ids do not depend on the size of other splits."""
DRAW_ROUNDS = 32
"""How often contexts already taken by another split are replaced before giving up."""
OnProgress = Callable[[int, int], None]
"""Is told how many there are of how many in all."""


@dataclass(frozen=True, eq=False)
class Contexts:
    """Contexts of one split with their reference utilities.

    Attributes:
        ids: (B,) int64, unique over all splits.
        values: (B, C) float32.
        reference: (B,) float64, utility of the cheap reference: normalised return 0.
        optimum: (B,) float64, certified utility: normalised return 1.
        split: "train", "validation" or "test".
        design: (B, X) certified, where it was kept; no dataset holds it.
    """

    ids: Tensor
    values: Tensor
    reference: Tensor
    optimum: Tensor
    split: str
    design: Tensor | None = None

    def __len__(self) -> int:
        return len(self.ids)

    def __repr__(self) -> str:
        return f"Contexts({len(self)} x {self.values.shape[1]} values, {self.split})"

    def take(self, rows: Tensor) -> Contexts:
        """Return the given rows (int64, repeats allowed) as contexts of the same split."""
        return Contexts(self.ids[rows], self.values[rows], self.reference[rows], self.optimum[rows], self.split,
                        None if self.design is None else self.design[rows])

    def sample(self, count: int, generator: torch.Generator) -> Contexts:
        """Draw `count` contexts as evenly as can be: whole shuffled passes, so none repeats before all were used."""
        passes = [torch.randperm(len(self), generator=generator) for _ in range(-(-count // len(self)))]
        return self.take(torch.cat(passes)[:count] if passes else torch.empty(0, dtype=torch.int64))

    def normalised(self, utility: Tensor) -> Tensor:
        """Return the normalised return (B,) of designs with this utility (B,)."""
        return normalised_return(utility, self.reference, self.optimum)


@dataclass(frozen=True, eq=False)
class ContextPool:
    """Contexts of every split; no context is in two of them."""

    splits: Mapping[str, Contexts]

    def __getitem__(self, split: str) -> Contexts:
        return self.splits[split]

    @classmethod
    def draw(cls, scenario: Scenario[Any], counts: Mapping[str, int], seed: int,
             on_progress: OnProgress = lambda done, total: None) -> ContextPool:
        """Draw `counts[split]` contexts for each split and certify them.

        Test and validation are drawn before training, each from its own stream: a larger training split leaves them
        as they are.

        Raises:
            ParameterError: an unknown split, or a scenario with too few different contexts to keep splits apart.
        """
        for split in counts:
            if split not in SPLITS:
                raise ParameterError(unknown_name("split", split, SPLITS))
        taken: set[bytes] = set()
        splits: dict[str, Contexts] = {}
        total = sum(counts.values())
        for split in [name for name in reversed(SPLITS) if counts.get(name, 0) > 0]:
            values = _draw_unseen(scenario, counts[split], derived_generator(seed, "contexts", split), taken, split)
            taken.update(row.tobytes() for row in values.numpy())
            before = sum(map(len, splits.values()))

            def report(done: int, _: int, before: int = before) -> None:
                on_progress(before + done, total)

            splits[split] = certified(scenario, values, split, report)
        return cls({split: splits[split] for split in SPLITS if split in splits})

    def save(self, path: Path, scenario: Scenario[Any], designs: bool = False) -> None:
        """Write one safetensors file, whole or not at all; float64 stays float64.

        `designs` adds the certified designs, where they were kept; the file of a dataset is without.
        """
        tensors = {f"{split}.{name}": getattr(contexts, name).contiguous()
                   for split, contexts in self.splits.items() for name in (*FIELDS, *[DESIGN] * designs)
                   if getattr(contexts, name) is not None}
        # One metadata key only: safetensors writes several in arbitrary order, and equal content must be equal bytes.
        with writing(path) as aside:
            save_file(tensors, aside, metadata={"scenario": json.dumps(scenario.spec(), sort_keys=True)})

    @classmethod
    def load(cls, path: Path, scenario: Scenario[Any]) -> ContextPool:
        """Read what `save` wrote.

        Raises:
            DatasetError: the file is missing, damaged, or was drawn for another scenario.
        """
        spec, splits = read_contexts(path)
        if spec != json.dumps(scenario.spec(), sort_keys=True):
            raise DatasetError(f"{path}: contexts were drawn for {spec}, not for {scenario.spec()}. "
                               "Use the parameters the dataset was collected with, or collect it again.")
        return cls(splits)


def read_contexts(path: Path) -> tuple[str, dict[str, Contexts]]:
    """Read a contexts file: for which scenario it was drawn, as JSON, and the contexts of each split.

    Raises:
        DatasetError: the file is missing, damaged or lacks a tensor.
    """
    try:
        with safe_open(path, framework="pt") as stored:
            spec = (stored.metadata() or {}).get("scenario", "nothing")
            tensors = {name: stored.get_tensor(name) for name in stored.keys()}  # noqa: SIM118 (no mapping)
    except (OSError, SafetensorError) as error:
        raise DatasetError(f"{path}: contexts cannot be read ({error}). Collect the dataset again.") from None
    present = [split for split in SPLITS if f"{split}.ids" in tensors]
    missing = [f"{split}.{name}" for split in present for name in FIELDS if f"{split}.{name}" not in tensors]
    if missing:
        raise DatasetError(f"{path}: {', '.join(missing)} missing. Collect the dataset again.")
    return spec, {split: Contexts(**{name: tensors[f"{split}.{name}"] for name in FIELDS}, split=split,
                                  design=tensors.get(f"{split}.{DESIGN}")) for split in present}


def _draw_unseen(scenario: Scenario[Any], count: int, generator: torch.Generator, taken: set[bytes],
                 split: str) -> Tensor:
    """Draw (count, C) contexts of which none is in `taken`."""
    kept = torch.empty(0, scenario.context_size)
    for _ in range(DRAW_ROUNDS):
        values = scenario.draw_contexts(count - len(kept), generator)
        fresh = [row for row, value in enumerate(values.numpy()) if value.tobytes() not in taken]
        kept = torch.cat([kept, values[fresh]])
        if len(kept) == count:
            return kept
    raise ParameterError(f"Scenario {scenario.name}: only {len(kept)} of {count} {split} contexts differ from those "
                         "of the other splits. Ask for fewer contexts, or randomise the scenario's contexts more.")


def certified(scenario: Scenario[Any], values: Tensor, split: str,
              on_progress: OnProgress = lambda done, total: None) -> Contexts:
    """Return contexts (B, C) of a split with ids, reference and certified optimum; tell (done, total) as it goes.

    Certified designs are kept where contexts are certified one at a time: that takes long, and does not depend on which
    are certified together.
    """
    chunks = torch.split(values, scenario.certified_together)
    reference = torch.cat([scenario.reference_utility(chunk).double() for chunk in chunks])
    optimum: list[Tensor] = []
    designs: list[Tensor] = []
    for chunk in chunks:
        on_progress(sum(map(len, optimum)), len(values))
        certificate = scenario.certify(chunk)
        optimum.append(certificate.utility.double())
        designs += [certificate.design] * (scenario.certified_together == 1)
    on_progress(len(values), len(values))
    ids = SPLITS.index(split) * ID_STRIDE + torch.arange(len(values))
    return Contexts(ids, values, reference, torch.cat(optimum), split, torch.cat(designs) if designs else None)
