"""What makes a folder of Arrow shards open with `datasets.load_from_disk`: features, state.json, dataset_info.json.

Written by hand: `Dataset.save_to_disk` cuts shards into batches of 1000 rows, and its fingerprint hashes code.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa

from aign.files.writing import write_json


def with_features(schema: pa.Schema) -> pa.Schema:
    """Return the schema with the Hugging Face features in its metadata."""
    from datasets import Features  # takes a second to import

    return Features.from_arrow_schema(schema).arrow_schema


def write_dataset_files(folder: Path, schema: pa.Schema, shards: Sequence[str], fingerprint: str,
                        description: str, citation: str) -> None:
    """Write state.json and dataset_info.json.

    Args:
        folder: the dataset folder.
        schema: Arrow schema of the shards.
        shards: shard file names, in order.
        fingerprint: hexadecimal digits derived from the shards' content; it keys the caches of `datasets`.
        description: what the dataset is.
        citation: BibTeX.
    """
    from datasets import Features

    write_json(folder / "state.json", {
        "_data_files": [{"filename": name} for name in shards],
        "_fingerprint": fingerprint,
        "_format_columns": None,
        "_format_kwargs": {},
        "_format_type": None,
        "_output_all_columns": False,
        "_split": None,
    })
    write_json(folder / "dataset_info.json", {
        "citation": citation,
        "description": description,
        "features": Features.from_arrow_schema(schema).to_dict(),
        "homepage": "",
        "license": "apache-2.0",
    })
