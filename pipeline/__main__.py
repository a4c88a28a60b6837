"""`python pipeline collect power-2` is `aign collect power-2` with the code of this folder, whatever is installed.

DVC's stages run this: DVC records the code beside it, also in a second clone, a worktree or a queued experiment.
"""

import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent

if __name__ == "__main__":  # worker processes inherit sys.path
    sys.path.insert(0, str(HERE))
    try:
        from aign import cli
    except ModuleNotFoundError as missing:
        sys.exit(f"error: {sys.executable} lacks the package {missing.name}. Run `make setup` once, then "
                 "`source .venv/bin/activate`.")
    cli.main()
