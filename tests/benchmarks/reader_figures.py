"""How well the reader reads: round trips, the test split of the sentences, bent sentences, NL4Opt's comparisons.

    python -P tests/benchmarks/reader_figures.py [--requests 10000] [--nl4opt FILE.jsonl]

writes data/reports/operator/reader.json. NL4Opt's problems (MIT) are read where their file is named; none is stored.
"""

import argparse
import json
import sys
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).parents[2]
sys.path[:0] = [str(ROOT / "pipeline"), str(ROOT / "tests" / "intents")]

from corpus import sentences  # noqa: E402
from fuzzing import bent, passed_over  # noqa: E402
from judging import read_as, verdict  # noqa: E402
from nl4opt import comparisons  # noqa: E402
from requests_drawn import drawn  # noqa: E402
from spoken_networks import NETWORKS, network  # noqa: E402

from aign.designs.requests import Request  # noqa: E402
from aign.files.writing import write_json  # noqa: E402
from aign.intents import confirm, read, refine  # noqa: E402

REPORT = ROOT / "data" / "reports" / "operator" / "reader.json"


def round_trip(count):
    keys, equal = list(NETWORKS), 0
    for seed in range(count):
        scenario = network(keys[seed % len(keys)])
        request = drawn(scenario, seed)
        equal += read(confirm(request, scenario).sentence, scenario).request == request
    return {"requests": count, "equal": equal}


def split(name):
    """Return the figures of a split, over all networks and of each."""
    verdicts = [(sentence.network, verdict(sentence, read_as(sentence), network(sentence.network)))
                for sentence in sentences() if sentence.split == name]
    return {**counted(verdicts), "networks": {key: counted([each for each in verdicts if each[0] == key])
                                              for key in NETWORKS}}


def counted(verdicts):
    kinds = Counter(kind for _, kind in verdicts)
    return {"count": len(verdicts), **{kind: kinds[kind] for kind in ("right", "asked", "wrong")}}


def fuzzed(count):
    tracebacks = dropped = 0
    for seed in range(count):
        key, text, before = bent(seed)
        try:
            scenario = network(key)
            reading = read(text, scenario) if before is None else refine(Request(**before), text, scenario)
            dropped += len(passed_over(reading))
        except Exception as error:
            tracebacks += 1
            print(f"seed {seed}: {error!r}: {text!r}", file=sys.stderr)
    return {"sentences": count, "tracebacks": tracebacks, "dropped_numbers": dropped}


def main():
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--requests", type=int, default=10_000)
    options.add_argument("--fuzzed", type=int, default=1_000)
    options.add_argument("--nl4opt", type=Path)
    options.add_argument("--report", type=Path, default=REPORT)
    chosen = options.parse_args()
    test = split("test")
    report = {"round_trip": round_trip(chosen.requests), "sentences": {"test": test["count"], **test},
              "development": split("development"), "fuzzed": fuzzed(chosen.fuzzed)}
    if chosen.nl4opt is not None:
        report["nl4opt"] = comparisons(chosen.nl4opt)
    chosen.report.parent.mkdir(parents=True, exist_ok=True)
    write_json(chosen.report, report)
    print(json.dumps(report, indent=1))


if __name__ == "__main__":
    main()
