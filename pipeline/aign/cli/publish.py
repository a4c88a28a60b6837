"""The commands `aign publish ...`: datasets and models into a folder, storage, or onto the hub. Heavy imports wait."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from aign.cli.options import TrustCode
from aign.engines import messages

if TYPE_CHECKING:
    from aign.exchange.destination import PublishResult

app = typer.Typer(no_args_is_help=True, help="Publish datasets and models, into a folder, storage, or onto the hub.")

To = Annotated[str, typer.Option("--to", help="A folder, s3://BUCKET/PATH, or hub:OWNER/NAME; the hub's token comes "
                                              "from HF_TOKEN or `hf auth login`.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Show what would be written or uploaded, without "
                                                        "doing it.")]
Datasets = Annotated[list[Path], typer.Argument(help="Dataset folders; each becomes a configuration with the name of "
                                                     "its folder.")]


@app.command()
def dataset(paths: Datasets, to: To, dry_run: DryRun = False, trust_code: TrustCode = False) -> None:
    """Publish trajectory datasets as Parquet with a card, for anybody's `datasets.load_dataset`."""
    from aign.engines.progress import counted
    from aign.exchange.publish import publish_dataset

    with counted("publish", "episodes") as report:
        published = publish_dataset(paths, to, dry_run, report, trust_code)
    _show(published)


@app.command()
def model(
    path: Annotated[Path, typer.Argument(help="A model folder.")], to: To, dry_run: DryRun = False,
    report: Annotated[Path | None, typer.Option(help="A metrics.json of `aign evaluate`, for the card.")] = None,
    dataset: Annotated[list[str] | None, typer.Option(help="OWNER/NAME of its dataset on the hub, for the card; "
                                                           "repeatable.")] = None,
    trust_code: TrustCode = False,
) -> None:
    """Publish a model folder with a model card."""
    from aign.exchange.publish_model import publish_model

    _show(publish_model(path, to, report, dataset or [], dry_run, trust_code))


def _show(published: PublishResult) -> None:
    """Show the files of a publication, and what became of them."""
    from rich.table import Table

    table = Table("file", "size", title="Would be published" if published.dry else "Published")
    table.columns[1].justify = "right"
    for name, size in published.files.items():
        table.add_row(name, messages.size(size))
    messages.console.print(table)
    total = f"{len(published.files)} files, {sum(published.files.values())} bytes"
    verb = "would write" if published.dry else "wrote"
    messages.say("publish", f"{verb} {published.place} ({total}), digest {published.digest}")
