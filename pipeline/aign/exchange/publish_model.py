"""Publishing a model: its folder as it is, with a card that says what it is worth.

The same model, report and names give the same bytes: no clock, path or machine enters.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from jinja2 import TemplateError

from aign.diffusion import store
from aign.errors import ModelError, ParameterError
from aign.exchange import destination, publication
from aign.exchange.destination import PublishResult
from aign.exchange.model_card import card, read_report
from aign.exchange.publication import Publication
from aign.files import manifest
from aign.files.writing import copy_files, read_json, write_text, writing
from aign.trust import Trust

REWRITTEN = ("README.md", manifest.NAME, publication.NAME)
"""What is written anew; everything else is copied byte for byte."""


def publish_model(path: Path, to: str, report: Path | None = None, datasets: Sequence[str] = (),
                  dry_run: bool = False, trust_code: Trust = False) -> PublishResult:
    """Publish a model folder; the result opens as any model does, with `store.load` and `from_pretrained`.

    Args:
        path: the model folder; every byte is checked, and the model opened, first.
        to: a folder, or hub:OWNER/NAME.
        report: a metrics.json of `aign evaluate`, to put on the card.
        datasets: OWNER/NAME of its datasets on the hub, for the card.
        dry_run: say what would be written or uploaded, and write nothing there.
        trust_code: which code that the model's scenario names may be imported; see `store.load`.

    Raises:
        TrustError: the scenario names code that is not trusted.
        ModelError: the model is missing or damaged, or the report is of another one.
        ParameterError: a name that no dataset has, or a destination that holds something else.
        StorageError: the disk is full or read-only, or the hub refuses.
    """
    for name in datasets:
        if not destination.REPOSITORY.fullmatch(name):
            raise ParameterError(f"--dataset {name}: not the name of a dataset on the hub. Give OWNER/NAME.")
    pipeline = store.load(path, trust_code)
    history = read_json(path / "history.json", ModelError)
    compared = read_report(report, pipeline.design["scenario"]) if report is not None else None
    try:
        text = card(pipeline, history, compared, datasets)
    except (KeyError, TypeError, ValueError, AttributeError, TemplateError) as problem:
        raise ModelError(f"{path}: model_index.json or history.json is not what `aign train` writes ({problem!r}). "
                         "Train the model again.") from None
    names = [name for name in manifest.check(path, deep=False, error=ModelError) if name not in REWRITTEN]

    def fill(folder: Path) -> None:
        """Write the publication into an empty folder."""
        copy_files(path, folder, names)
        with writing(folder / "README.md") as aside:
            write_text(aside, text)
        Publication(kind="model").save(folder)
        manifest.build(folder)

    return destination.publish(to, "model", [path], fill, dry_run)
