"""What marks a folder as published: meta/publication.json says what is in it, meta/manifest.json lists its files.

A published dataset:

| path | content |
|---|---|
| `README.md` | the card; its front matter names a configuration for each variant |
| `<variant>/<split>-*.parquet` | the episodes, and nothing else: any Parquet reader opens the folder |
| `store/<variant>/...` | the local store's other files, byte for byte: contexts, statistics, quality, its manifest |
| `meta/order/<variant>.parquet` | where each episode stood in the local store |

A published model is the model folder itself with a fuller card.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from aign.errors import AignError, DatasetError, ModelError
from aign.files import manifest
from aign.files.writing import read_json, write_json

Kind = Literal["dataset", "model"]
NAME = "meta/publication.json"
FORMAT_VERSION = 1
RESERVED = ("meta", "store")
VARIANT = r"^[A-Za-z0-9][A-Za-z0-9._-]*$"
ERRORS: dict[Kind, type[AignError]] = {"dataset": DatasetError, "model": ModelError}
REMEDY = "Fetch it again, or publish it again (`aign publish`)."


class Variant(BaseModel):
    """One dataset of a publication.

    Attributes:
        name: of its folder and configuration.
        digest: of the local store's manifest.
        format_version: of the local store's columns.
        episodes: how many there are.
    """

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)
    name: Annotated[str, Field(pattern=VARIANT)]
    digest: Annotated[str, Field(pattern="^[0-9a-f]{64}$")]
    format_version: Annotated[int, Field(ge=1)]
    episodes: Annotated[int, Field(ge=1)]


class Publication(BaseModel):
    """Content of meta/publication.json; a model has no variants."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)
    kind: Kind
    format_version: Literal[1] = 1
    variants: list[Variant] = []

    def save(self, folder: Path) -> None:
        """Write it into a folder."""
        write_json(folder / NAME, self.model_dump(mode="json"))


def read(folder: Path, kind: Kind, deep: bool = True) -> Publication:
    """Check a published folder against its manifest and return what is in it.

    Raises:
        DatasetError: (a ModelError where a model is wanted) the folder is missing, damaged, of another kind, or was
            not published by aign.
    """
    error = ERRORS[kind]
    manifest.check(folder, deep, error, REMEDY)
    if not (folder / NAME).is_file():
        raise error(f"{folder}: not a published {kind} ({NAME} is missing). Give a folder that "
                    f"`aign publish {kind}` wrote.")
    try:
        publication = Publication.model_validate(read_json(folder / NAME, error))
    except ValidationError as problem:
        first = problem.errors()[0]
        raise error(f"{folder / NAME}: {'.'.join(map(str, first['loc'])) or 'content'}: {first['msg']}. Use the "
                    "version of aign that published it, or fetch it again.") from None
    if publication.kind != kind:
        raise error(f"{folder}: a published {publication.kind}, not a {kind}. Give the folder of a {kind}.")
    return publication
