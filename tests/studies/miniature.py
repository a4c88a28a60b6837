"""All studies in miniature: a few users, tiny networks, few steps."""

import sys
from contextlib import contextmanager
from unittest import mock

import torch
import yaml
from smoke import SMALL, inside

from studies import command, params

STAGES_FILE = "pipeline/studies/dvc.yaml"
SAC, PPO = {**SMALL, "learning_starts": 32, "updates_per_step": 1}, {**SMALL, "rollout_steps": 8, "epochs": 1}
COLLECT = {"train_contexts": 40, "validation_contexts": 8, "test_contexts": 8, "shard_rows": 64, "sac": SAC, "ppo": PPO,
           "sources": {"random": 20, "heuristics": 20, "solver_guided": 40, "snapshots": 4, "snapshot_episodes": 8}}
LABELLED = {**COLLECT, "sources": {**COLLECT["sources"], "label_guided": 20}}
NETWORK = {"channels": 8, "multipliers": [1, 2], "embedding": 16, "depth": 2}
TRAIN = {"network": NETWORK, "steps": 20, "stride": 4, "batch_size": 32, "warmup": 5, "inverse_hidden": 16,
         "evaluate_every": 10, "checkpoint_every": 10, "evaluate_contexts": 6}
SET = {**TRAIN, "network": {**NETWORK, "kind": "set"}, "learning_rate": 0.002}
BCQ = {"gradient_steps": 20, "batch_size": 32, "curve_points": 2, "hidden": [8]}
CASES = [{"base_stations": 2, "users": 2, "gains": "strong", "constraints": [[], ["total_power<=20"]]}]
STUDIES = {
    "tables": {"sizes": {"2": COLLECT, "3": COLLECT}, "contexts": 8, "candidates": 2, "sampling": {"steps": 2},
               "bcq": BCQ, "unet": TRAIN, "set_diffuser": SET},
    "bias": {"users": 3, "contexts": 8, "candidates": 2, "sampling": {"steps": 2}, "diffuser": SET,
             "bcq": {**BCQ, "curve_points": 1}},
    "constraints": {
        "users": 3, "collect": LABELLED, "train": SET, "unet": {"channels": 8, "embedding": 16}, "variant_steps": 10,
        "candidates": 4, "guidance": [1.0, 2.0],
        "requests": {"single": 4, "pair": 2, "triple": 1, "held_out_pair": 1, "infeasible": 4},
        "control_requests": 3, "choice_requests": 1, "target_returns": [[0.98, 0.9], [0.95]],
        "margins": [[0.0], [0.0, 0.1]], "retraining": {"requests": 2, "sac": SAC, "ppo": PPO}},
    "rate": {"cases": CASES, "collect": {**COLLECT, "sources": {**COLLECT["sources"], "solver_guided": 0}},
             "train": SET, "sampling": {"steps": 2}, "contexts": 4, "best_known_starts": 32, "starts": 4,
             "generated": [1, 4], "proof_boxes": 200},
    "agents": {"variants": {"power-2": ["sac", "ppo"]}, "contexts": 8, "curve_points": 2},
}
PARAMS = {
    "base": {"seed": 3, "device": "cpu", "threads": 1, "workers": 2},
    "variants": {"power-2": {"scenario": {"name": "power_allocation", "users": 2, "gains": "general"},
                             "collect": {"agents": ["sac", "ppo"], **COLLECT}, "train": TRAIN,
                             "sample": {}, "evaluate": {}}},
    "studies": STUDIES,
}
GRID = {"seeds": [0, 1], "users": [2, 3], "new_users": [4], "rate_seeds": [0], "rate_cases": ["2x2-strong"],
        "agent_seeds": [0, 1], "agent_variants": ["power-2"]}


def run_jobs_here(jobs, workers, title, threads=1, engine=None):
    """Run a stage's jobs in this process, which spares each a start of several seconds."""
    torch.set_num_threads(threads)
    for job in jobs:
        if not job.result.exists():
            job.result.parent.mkdir(parents=True, exist_ok=True)
            job.function(lambda done: None, **job.arguments)


@contextmanager
def studying(folder):
    """Work in a folder with the miniature params.yaml; all jobs run in this process."""
    (folder / "params.yaml").write_text(yaml.safe_dump(PARAMS))
    with inside(folder), mock.patch("studies.runs.run_jobs", run_jobs_here), \
            mock.patch("aign.stages.collect.run_jobs", run_jobs_here):
        yield


def run(stage, seed=0, case=""):
    """Run one stage of the studies."""
    command.run(stage, seed, str(case), params.FILE)


def study(*arguments):
    """Run the studies' command line in this process."""
    with mock.patch.object(sys, "argv", ["studies", *map(str, arguments)]):
        command.main()
