"""`python pipeline/studies STAGE [SEED] [CASE]`: what the stages of dvc.yaml run, with the code of this folder."""

import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent

if __name__ == "__main__":  # worker processes inherit sys.path
    sys.path[0] = str(HERE.parent)
    try:
        from studies import command
    except ModuleNotFoundError as missing:
        sys.exit(f"error: {sys.executable} lacks the package {missing.name}. Run `make setup` once, then "
                 "`source .venv/bin/activate`.")
    command.main()
