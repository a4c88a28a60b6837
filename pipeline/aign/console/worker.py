"""The worker: reads a task a line from standard input and answers in lines on standard output, until the input ends.

Whatever libraries print goes to standard error, so that nothing but answers is on the line.
"""

from __future__ import annotations

import json
import math
import os
import sys
import traceback
from pathlib import Path
from typing import Any, TextIO

from aign.engines.job import failed
from aign.engines.scratch import die_with_parent
from aign.errors import SMALLER, AignError, ResourceError, out_of_memory


def main() -> None:
    """Answer tasks; arguments: the folder of models, the parent's process id, whether code is trusted."""
    folder, parent, *options = sys.argv[1:]
    die_with_parent(int(parent))
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    import torch

    from aign.console.models import Models
    from aign.console.tasks import TASKS

    torch.set_num_threads(1)  # results are bit-identical only for the same number
    models = Models(Path(folder), trust_code="--trust-code" in options)
    for line in sys.stdin:
        call = json.loads(line)
        _say(answers, doing=f"begins to {call['task']}")
        try:
            result = TASKS[call["task"]](models, lambda doing: _say(answers, doing=doing), **call["arguments"])
            _say(answers, result=finite(result))
        except AignError as error:
            _say(answers, **failed(error, str(error)))
        except Exception as error:
            if out_of_memory(error):
                error = ResourceError(f"The machine has too little memory ({error}). {SMALLER}")
                _say(answers, **failed(error, str(error)))
            else:
                traceback.print_exc()
                _say(answers, **failed(error, f"{type(error).__name__}: {error}"))


def finite(value: Any) -> Any:
    """Return a JSON value in which null stands for what JSON has no number for: NaN and the infinities."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {key: finite(inner) for key, inner in value.items()}
    return [finite(inner) for inner in value] if isinstance(value, list | tuple) else value


def _say(answers: TextIO, **news: Any) -> None:
    answers.write(json.dumps(news, allow_nan=False) + "\n")
    answers.flush()


if __name__ == "__main__":
    main()
