"""The rate study from collection to files, in miniature, and that nothing finished is computed again."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from aign.params import load
from aign.studies import rate as study
from aign.studies.settings import RateSettings

MINIATURE = """
base: {seed: 0, workers: 2, threads: 1}
variants:
  none: {scenario: {name: power-allocation, users: 2}}
studies:
  rate:
    cases:
      - {base_stations: 2, users: 4, gains: strong, constraints: [[], [total_power<=50]]}
    contexts: 4
    best_known_starts: 16
    starts: 4
    generated: [1, 4]
    collect:
      train_contexts: 40
      validation_contexts: 8
      test_contexts: 8
      sources: {random: 20, heuristics: 60, solver_guided: 0, snapshots: 1, snapshot_episodes: 10}
      sac: {environment_steps: 64, networks: 4, learning_starts: 50, batch_size: 32}
      ppo: {environment_steps: 128, networks: 4, batch_size: 64}
    train: {network: {kind: set, channels: 16, depth: 1, embedding: 16}, stride: 8, batch_size: 16, steps: 4,
            evaluate_every: 2, evaluate_contexts: 4}
"""


@pytest.mark.slow
def test_the_study_writes_its_files_and_computes_nothing_twice(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("params.yaml").write_text(MINIATURE)
    params = load()
    study.rate(params)
    path = Path("data/reports/tables/rate.json")
    first = path.read_bytes()
    found = json.loads(first)
    assert [case["constraints"] for case in found["cases"]] == [[], ["total_power<=50"]]
    for case in found["cases"]:
        assert case["contexts"] == 4
        assert {"diffuser", "diffuser + weighted_mmse", "weighted_mmse", "sac", "ppo"} <= set(case["methods"])
        best = [point["utility_ratio_mean"] for points in case["methods"].values() for point in points]
        assert 0.9 < max(best) <= 1 + 1e-9
        assert case["proof"]["best_known_is_optimum"] <= case["proof"]["proven"] <= 4
        assert case["verdict"]
    assert len(list(Path("data/reports/tables/plots").glob("rate_*.png"))) == 2
    kept = [file.stat().st_mtime_ns for file in sorted(Path("data/studies/rate").rglob("result.json"))]
    study.rate(params)
    assert path.read_bytes() == first
    assert kept == [file.stat().st_mtime_ns for file in sorted(Path("data/studies/rate").rglob("result.json"))]


def test_the_generator_has_no_better_teacher_than_agents_and_rules():
    settings = RateSettings()
    assert settings.collect.sources.solver_guided == 0
    assert [case.name for case in settings.cases] == ["4x20", "2x10-strong", "4x20-strong", "4x50-strong"]
    assert settings.best_known_starts >= 1000
