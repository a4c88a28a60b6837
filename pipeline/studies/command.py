"""The command `python pipeline/studies STAGE [SEED] [CASE]`: one stage of dvc.yaml."""

from __future__ import annotations

import argparse
import importlib
import os
import sys
from pathlib import Path

from aign import checkout
from aign.engines.scratch import die_with_parent
from aign.errors import SMALLER, AignError, ParameterError, out_of_memory, unknown_name
from studies import params

STAGES = {
    "code": "runs:write_code",
    "collect-tables": "tables:collect", "train-tables": "tables:train", "train-set": "tables:train_set",
    "time-agents": "tables:time_agents", "compare": "tables:compare", "transfer": "tables:transfer",
    "tables": "table_files:write",
    "bias": "bias:learn", "bias-table": "bias_table:write",
    "collect-constraints": "constraints:collect", "draw-requests": "constraints:draw_requests",
    "train-constraints": "constraints:train", "choose-guidance": "constraints:choose_guidance",
    "train-final": "constraints:train_final", "choose-final": "constraints:choose_final",
    "choose-targets": "constraints:choose_targets", "answer": "constraints:answer",
    "constraints": "constraint_files:write",
    "collect-rate": "rate:collect", "train-rate": "rate:train", "compare-rate": "rate:compare",
    "rate": "rate_verdict:write",
    "agents": "agents:learn", "agents-page": "agents_page:write",
    "claims": "claims:write", "page": "page:write",
}
"""Stage: module and function, called with a `Run`."""


def run(stage: str, seed: int, case: str, path: Path = params.FILE) -> None:
    """Run one stage.

    Raises:
        ParameterError: there is no such stage, seed or case, or params.yaml is at fault.
        DatasetError, ModelError: what an earlier stage makes is missing or damaged.
    """
    if stage not in STAGES:
        raise ParameterError(unknown_name("stage", stage, STAGES))
    loaded = params.load(path)
    params.check(loaded, path)
    from studies.runs import Run  # loads torch, which a mistake in the command line need not wait for

    module, function = STAGES[stage].split(":")
    getattr(importlib.import_module(f"studies.{module}"), function)(Run(loaded, stage, seed, case))


def main() -> None:
    """Run the command line; an error the user can mend is one message and exit status 2, without a traceback."""
    parser = argparse.ArgumentParser(prog="python pipeline/studies",
                                     description="Run one stage of pipeline/studies/dvc.yaml.")
    parser.add_argument("stage", help=", ".join(STAGES))
    parser.add_argument("seed", type=int, nargs="?", default=0, help="of everything random")
    parser.add_argument("case", nargs="?", default="", help="number of users, family of networks, or variant")
    arguments = parser.parse_args()
    if "DVC_STAGE" in os.environ:  # a killed dvc must not leave a stage behind
        die_with_parent()
    try:
        checkout.check()
        run(arguments.stage, arguments.seed, arguments.case)
    except AignError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(2)
    except Exception as error:
        if not out_of_memory(error):
            raise
        print(f"error: the machine has too little memory for that ({error}). {SMALLER}", file=sys.stderr)
        sys.exit(2)
