"""The study of constraints in miniature: three users, tiny networks, few steps, every cell in this process."""

import json

from aign.params import Params

SMALL = {"environment_steps": 128, "networks": 4, "batch_size": 32, "hidden": [8]}
SAC, PPO = {**SMALL, "learning_starts": 32, "updates_per_step": 1}, {**SMALL, "rollout_steps": 8, "epochs": 1}
COLLECT = {
    "train_contexts": 40, "validation_contexts": 8, "test_contexts": 8, "shard_rows": 64, "sac": SAC, "ppo": PPO,
    "sources": {"random": 20, "heuristics": 30, "solver_guided": 40, "label_guided": 20, "snapshots": 2,
                "snapshot_episodes": 10},
}
TRAIN = {"network": {"channels": 8, "multipliers": [1, 2], "embedding": 16, "depth": 2}, "steps": 20, "stride": 4,
         "batch_size": 32, "warmup": 5, "inverse_hidden": 16, "evaluate_every": 10, "checkpoint_every": 10,
         "evaluate_contexts": 6}
CONSTRAINTS = {
    "users": 3, "collect": COLLECT, "train": TRAIN, "unet": {"channels": 8, "embedding": 16}, "variant_steps": 10,
    "candidates": 4, "seeds": [0], "guidance": [1.0, 2.0],
    "requests": {"single": 4, "pair": 3, "triple": 1, "held_out_pair": 1, "infeasible": 4},
    "control_requests": 3, "choice_requests": 2, "ladders": [[0.98, 0.9], [0.95]], "margins": [[0.0], [0.0, 0.1]],
    "retraining": {"requests": 2, "sac": SAC, "ppo": PPO},
}


def params():
    values = {"base": {"seed": 3, "device": "cpu", "threads": 1, "workers": 1},
              "variants": {"power-2": {"scenario": {"name": "power-allocation", "users": 2}}},
              "studies": {"constraints": CONSTRAINTS}}
    return Params.model_validate_json(json.dumps(values))


def in_this_process(ran):
    """Stands in for `run_jobs`: no processes; the names of the jobs run are appended to `ran`."""
    def run(jobs, workers, title, threads=1):
        for job in jobs:
            job.result.parent.mkdir(parents=True, exist_ok=True)
            job.function(lambda done: None, **job.arguments)
            assert job.result.exists()
            ran.append(job.name)
    return run
