"""Publishing trajectory datasets: local stores become one folder of Parquet that anybody opens.

The same stores give the same bytes, for one version of pyarrow: no clock, path or machine enters.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from aign.errors import ParameterError
from aign.exchange import arrangement, destination
from aign.exchange.batches import Report, silent
from aign.exchange.dataset_card import VariantContent, card
from aign.exchange.destination import PublishResult
from aign.exchange.local_store import LocalStore
from aign.exchange.publication import RESERVED, VARIANT, Publication, Variant
from aign.files import manifest
from aign.files.writing import copy_files, write_text, writing
from aign.trust import Trust


def publish_dataset(paths: Sequence[Path], to: str, dry_run: bool = False, report: Report = silent,
                    trust_code: Trust = False) -> PublishResult:
    """Publish one or more local datasets as one; each is a configuration with the name of its folder.

    Args:
        paths: dataset folders; every byte is checked first. The first is the configuration opened by default.
        to: a folder, or hub:OWNER/NAME.
        dry_run: say what would be written or uploaded, and write nothing there.
        report: told how many episodes are written, and of how many.
        trust_code: which code that the datasets' scenarios name may be imported; see `TrajectoryStore.open`.

    Raises:
        TrustError: a scenario names code that is not trusted.
        DatasetError: a dataset is missing, damaged, or of a scenario that has changed since.
        ParameterError: no or equal names, or a destination that holds something else.
        StorageError: the disk is full or read-only, or the hub refuses.
    """
    names = _names(paths)
    stores = {name: LocalStore.open(path, trust_code) for name, path in zip(names, paths, strict=True)}
    total = sum(len(store.opened) for store in stores.values())
    done = 0

    def written(rows: int) -> None:
        """Report that more episodes are written."""
        nonlocal done
        done += rows
        report(done, total)

    def fill(folder: Path) -> None:
        """Write the publication into an empty folder."""
        rows: dict[str, int] = {}
        contents, variants = [], []
        for name, store in stores.items():
            files = dict(store.write_episodes(folder / name, written))
            rows |= {f"{name}/{file}": content.rows for split in files.values() for file, content in split.items()}
            copy_files(store.opened.folder, folder / "store" / name, store.others)
            arrangement.save(folder / "meta" / "order" / f"{name}.parquet", store.arrangements)
            contents.append(VariantContent(name, store, files))
            variants.append(Variant(name=name, digest=store.digest, format_version=store.opened.info["format_version"],
                                    episodes=len(store.opened)))
        Publication(kind="dataset", variants=variants).save(folder)
        with writing(folder / "README.md") as aside:
            write_text(aside, card(contents, folder))
        manifest.build(folder, rows)

    return destination.publish(to, "dataset", paths, fill, dry_run)


def _names(paths: Sequence[Path]) -> list[str]:
    """Return the name of each dataset's configuration: that of its folder."""
    names = [path.resolve().name for path in paths]
    for path, name in zip(paths, names, strict=True):
        if not re.fullmatch(VARIANT, name) or name in RESERVED:
            raise ParameterError(f"{path}: {name!r} cannot be the name of a configuration. Name the folder with "
                                 f"letters, digits, '-', '_' and '.', and not {' or '.join(RESERVED)}.")
        if names.count(name) > 1:
            raise ParameterError(f"{path}: more than one dataset is called {name!r}. Rename a folder.")
    if not names:
        raise ParameterError("No dataset given. Name one or more dataset folders.")
    return names
