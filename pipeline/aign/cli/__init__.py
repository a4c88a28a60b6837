"""The command `aign`: one verb a stage, and what people do with designs, datasets and models."""

from aign.cli.command import app, main

__all__ = ["app", "main"]
