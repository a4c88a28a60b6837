"""Run the blocks of a page in order, in the working folder: `python run_page.py PAGE`, as a reader would.

Python blocks share one namespace. A block whose first line is the comment of a path is saved there; one that says
"under variants" is added to that file.
"""

import importlib
import os
import subprocess
import sys
from pathlib import Path

import yaml
from pages import NOT_RUN, blocks, plain

MOST = {"environment_steps": 512, "solver_guided": 200, "steps": 40, "ablation_steps": 10, "evaluate_every": 20}
"""The most of each number that is run of a params.yaml: here it matters that the commands work, not how well."""


def small(content):
    """Return the content of a params.yaml with no number greater than `MOST` says."""
    if not isinstance(content, dict):
        return content
    return {name: min(value, MOST[name]) if name in MOST else small(value) for name, value in content.items()}


def save(block):
    """Write a block to the file that it names."""
    name, part = block.file
    path = Path(name)
    if path.name == "params.yaml":
        content = small(yaml.safe_load(block.text))
        if part:
            there = yaml.safe_load(path.read_text())
            content = {**there, "variants": there["variants"] | content}
        path.write_text(yaml.safe_dump(content))
    else:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(block.text)
    importlib.invalidate_caches()


def shell(block):
    """Run the commands of a block; a line that fails ends it."""
    run = [command for command in block.commands if plain(command) not in NOT_RUN]
    subprocess.run(["bash", "-euxo", "pipefail", "-c", "\n".join(run)], check=True)


def main(page):
    """Run a page."""
    namespace = {"__name__": "page"}
    os.environ.setdefault("COLUMNS", "120")
    for block in blocks(page):
        print(f"--- {page}:{block.line} {block.language}", flush=True)
        if block.file is not None:
            save(block)
        elif block.language == "sh":
            shell(block)
        elif block.language == "python":
            exec(compile("\n" * (block.line - 1) + block.text, page, "exec"), namespace)


if __name__ == "__main__":
    main(sys.argv[1])
