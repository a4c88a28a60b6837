"""Random input, property-based: params.yaml, requests, mappings, logs. Each must end in a clear error or a good run.

    python tests/faults/fuzz.py [--cases 1000] [--seed 0] [--runs 20]

Valid input is taken and changed in one to three places: values of other kinds, sizes such as 10**18, names, structure,
YAML syntax, encodings; or bytes are put in at random. Every case goes through a command of the program in this process.
Parameter files are read, checked and used up to the point where a stage begins to compute; those that are still valid
and no larger than before also run whole, `--runs` of them. A case counts as

    refused     status 2 and one clear error, or the usage of the command; nothing was written
    valid       the command did what was asked
    unclear     another status, or no single message
    traceback   what no user should see
    written     a refused command left files

The first two are right. The command ends with status 1 if there is any other.
"""

import argparse
import contextlib
import json
import shutil
import sys
import tempfile
from collections import Counter
from copy import deepcopy
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from unittest import mock

import hypothesis
import yaml
from damages import state
from fault_tools import WATER, clear_error, has_traceback, here, inside, pipeline, tell, usage_error
from hypothesis import HealthCheck, Phase
from hypothesis import strategies as st

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "exchange"))

from exchange_data import MAPPING, collected, log_of
from smoke import PARAMS

from aign.scenarios.core import registry
from aign.trajectories.reader import TrajectoryStore

GOOD = ("refused", "valid")
SCENARIO = "water-filling"
LARGEST_RUN = 64
"""A run whole is tried where no number is larger; what the valid file holds is allowed anyway."""
NUMBERS = (0, -1, 1, 2, 3, 7, 10**9, 10**18, 2**31, 2**63, 2**64, 10**30, -10**18, 0.5, -0.5, 1e-9, 1e9, 1e300, -1e300,
           float("nan"), float("inf"), float("-inf"))
WORDS = ("", "no", "auto", "cuda", "temporal", "set", "water-filling", "power-allocation", "DDIMScheduler",
         "total_power", "total_power<=1", "1e3", "0x10", "ä" * 9, "a" * 5000, "\u0000", "../..", "~", "null", "{}",
         "\U0001f600", "2026-01-01")
ODD = st.one_of(st.sampled_from(NUMBERS), st.sampled_from(WORDS), st.none(), st.booleans(), st.integers(), st.floats(),
                st.text(max_size=8), st.lists(st.sampled_from(NUMBERS + WORDS), max_size=3),
                st.dictionaries(st.text(max_size=5), st.integers(), max_size=2), st.sampled_from(([], {}, [[[]]])))
SNIPPETS = (b"\t", b"\x00", b"\xff\xfe", b"\xef\xbb\xbf", b"!!python/object/apply:os.system [ls]", b"&a [*a]", b"*b",
            b"<<: {a: 1}", b"---\n", b"...\n", b"%YAML 9.9\n", b"? [1, 2]\n", b"- ", b": ", b"{", b"}",
            b"[" * 3000, b"'", b'"', b"|\n", b"!!binary x", b"#", b"\xc3", b"\r", "\u2028".encode(),
            b"9" * 5000, b"base: {}\n", b"@", b"`")
ENCODINGS = ("utf-8", "utf-16", "utf-32", "latin-1", "cp037", "utf-8-sig")


@dataclass(frozen=True)
class Case:
    """One input and what came of it."""

    kind: str
    content: object
    verdict: str
    outcome: object


# --- input -----------------------------------------------------------------------------------------------------------

def places(value, path=()):
    """Yield the path of every value inside a value."""
    yield path
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, part in inner:
        yield from places(part, (*path, key))


def change(draw, content):
    """Change one place of nested content: its value, its name, or its being there."""
    path = draw(st.sampled_from([path for path in places(content) if path] or [()]))
    if not path:
        return draw(ODD)
    block = content
    for key in path[:-1]:
        block = block[key]
    way = draw(st.sampled_from(("value", "value", "near", "near", "delete", "rename", "add", "wrap")))
    old = block[path[-1]]
    if way == "near" and isinstance(old, (int, float)) and not isinstance(old, bool):
        block[path[-1]] = draw(st.sampled_from((old + 1, old - 1, -old, old * 0.5, old * 10**12, str(old), float(old))))
    elif way == "delete":
        del block[path[-1]]
    elif way == "rename" and isinstance(block, dict):
        block[draw(st.sampled_from((f"{path[-1]}s", 7, None, True, "", "name", "A B")))] = block.pop(path[-1])
    elif way == "add" and isinstance(block, dict):
        block[draw(st.sampled_from(("extra", "seed", "steps", "name", 1)))] = draw(ODD)
    elif way == "wrap":
        block[path[-1]] = draw(st.sampled_from(([old], {"value": old}, [old, old], str(old))))
    else:
        block[path[-1]] = draw(ODD)
    return content


@st.composite
def files(draw, content):
    """Return the bytes of a YAML file near valid content."""
    content = deepcopy(content)
    ways = draw(st.sampled_from(("content", "content", "content", "text", "both")))
    if ways != "text":
        for _ in range(draw(st.sampled_from((1, 1, 1, 2, 3)))):
            content = change(draw, content)
    text = yaml.dump(content, allow_unicode=True, default_flow_style=draw(st.booleans()))
    if ways == "content":
        return text.encode("utf-8", "surrogatepass")
    return spoilt(draw, text.encode(draw(st.sampled_from(ENCODINGS)), "replace"))


def spoilt(draw, text):
    """Cut, repeat, or put something into bytes."""
    for _ in range(draw(st.integers(1, 3))):
        at = draw(st.integers(0, len(text)))
        way = draw(st.sampled_from(("insert", "insert", "cut", "delete", "repeat", "byte")))
        put = {"insert": draw(st.sampled_from(SNIPPETS)), "repeat": text[at:at + 40],
               "byte": draw(st.binary(max_size=3))}
        text = text[:at] if way == "cut" else text[:at] + put.get(way, b"") + text[at + (9 if way == "delete" else 0):]
    return text


def parameter_files():
    return files(json.loads(json.dumps({"base": PARAMS["base"], "variants": {WATER: PARAMS["variants"][WATER]}})))


@st.composite
def constraints(draw):
    """Return a constraint, or what looks like one."""
    parts = [draw(st.sampled_from(("", "not ", "not", "NOT ", " "))),
             draw(st.sampled_from(("total_power", "max_power", "active_channels", "totl_power", "", "label"))),
             draw(st.sampled_from(("<=", ">=", "<", ">", "=", "==", "=<", "!=", "≤", ""))),
             draw(st.sampled_from(("1", "0", "-1", "1e999", "1e-400", "nan", "inf", "١٢", "1_000", "0x1",
                                   "3..", "9" * 400, "", "1e18", "-0.0", ".5", "1 ", "1;2",
                                   "1e+05", "1.7976931348623157e308")))]
    text = "".join(parts)
    if draw(st.booleans()):
        return text
    at = draw(st.integers(0, len(text)))
    return text[:at] + draw(st.text(max_size=2)) + text[at:]


@st.composite
def requests(draw):
    """Return the arguments of `aign design` and the bytes of a context file."""
    arguments = [part for text in draw(st.lists(constraints(), max_size=3)) for part in ("--where", text)]
    arguments += draw(st.sampled_from(([], [], ["--preset", "ladder"], ["--preset", "lader"], ["--users", "3"],
                                       ["--spread", "2"], ["--spread", "0"], ["--seed", str(2**64)], ["--seed", "x"])))
    count = draw(st.sampled_from(("1", "2", "3", "0", "-1", str(10**18), "1e3", "two", str(10**30), "100001", "")))
    context = draw(st.none() | files([1.5, 1.2, 0.8, 0.3]) | files({"gain": [1.5, 1.2, 0.8, 0.3]}))
    return [*arguments, "--count", count], context


@st.composite
def logs(draw, log):
    """Return the bytes of a mapping, of a log, and its ending."""
    mapping = draw(st.just(yaml.dump(MAPPING).encode()) | files(MAPPING))
    way = draw(st.sampled_from(("sound", "cells", "rows", "columns", "text", "parquet", "spoilt parquet")))
    frame = log.astype(object) if way == "cells" else log.copy()
    if way == "cells":
        for _ in range(draw(st.integers(1, 4))):
            row, column = draw(st.integers(0, len(frame) - 1)), draw(st.integers(0, len(frame.columns) - 1))
            frame.iat[row, column] = draw(st.sampled_from(NUMBERS) | st.sampled_from(WORDS) | st.none())
    elif way == "rows":
        at, size = draw(st.integers(0, len(frame) - 1)), draw(st.integers(1, 30))
        left = frame.drop(frame.index[at:at + size])
        frame = draw(st.sampled_from((left, frame.iloc[:0], frame.sample(frac=1, random_state=at), left.iloc[::-1])))
    elif way == "columns":
        column = draw(st.sampled_from(list(frame.columns)))
        frame = draw(st.sampled_from((frame.drop(columns=column), frame.rename(columns={column: "gained"}),
                                      frame.assign(**{column: "x"}), frame.assign(**{column: float("nan")}))))
    if "parquet" in way:
        buffer = Path(tempfile.gettempdir()) / "fuzz.parquet"
        frame.to_parquet(buffer, index=False)
        content = buffer.read_bytes()
        buffer.unlink()
        return mapping, spoilt(draw, content) if way == "spoilt parquet" else content, "parquet"
    content = frame.to_csv(index=False).encode("utf-8", "replace")
    return mapping, spoilt(draw, content) if way == "text" else content, "csv"


# --- commands --------------------------------------------------------------------------------------------------------

class Begins(BaseException):
    """The stage would now begin to compute: the parameters were accepted."""


def begin(*arguments, **options):
    raise Begins


def small(content):
    """Whether a parameter file asks for no more than the valid one, so that it may run."""
    try:
        numbers = [value for value in leaves(yaml.safe_load(content))
                   if isinstance(value, (int, float)) and not isinstance(value, bool)]
        known = set(leaves(json.loads(json.dumps(PARAMS))))
        return all(abs(value) <= LARGEST_RUN or value in known for value in numbers)
    except (yaml.YAMLError, UnicodeDecodeError, ValueError, TypeError, RecursionError):
        return False


def leaves(value):
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else None
    return [value] if inner is None else [leaf for part in inner for leaf in leaves(part)]


class Room:
    """A folder with a sound miniature pipeline, in which commands are given odd input.

    Args:
        base: the pipeline's results.
        room: a new folder.
        runs: how many accepted parameter files may run whole.
    """

    def __init__(self, base, room, runs=0):
        self.room, self.runs, self.done = room, runs, []
        shutil.copytree(base, room, ignore=shutil.ignore_patterns(".scratch", "out"))
        with contextlib.redirect_stdout(StringIO()):
            folder = room.with_name(f"{room.name}-log")
            folder.mkdir()
            self.log = log_of(TrajectoryStore.open(collected(folder / "store", registry.create(SCENARIO, channels=4))))

    def parameters(self, content):
        """Give a parameter file to a stage."""
        (self.room / "fuzzed.yaml").write_bytes(content)
        stage = ("collect", "train", "sample", "evaluate")[len(self.done) % 4]
        arguments = (stage, WATER, "--params", "fuzzed.yaml")
        whole = self.runs > 0 and stage != "evaluate" and small(content)
        stops = [] if whole else [mock.patch(f"aign.stages.{place}", begin) for place in (
            "collect.scratch", "train.scratch", "sample.answer", "evaluate.compare")]
        with contextlib.ExitStack() as stack:
            for stop in stops:
                stack.enter_context(stop)
            try:
                self.judge("params.yaml", (stage, content), here(*arguments), whole)
            except Begins:
                self.done.append(Case("params.yaml", (stage, content), "valid", None))
        if whole and self.done[-1].verdict == "valid":
            self.runs -= 1

    def request(self, content):
        """Ask for designs."""
        arguments, context = content
        if context is not None:
            (self.room / "context.yaml").write_bytes(context)
            arguments = [*arguments, "--context", "context.yaml"]
        self.judge("request", content, here("design", SCENARIO, *arguments, "--save", "out/design"))

    def imported(self, content):
        """Import a log."""
        mapping, log, ending = content
        (self.room / "map.yaml").write_bytes(mapping)
        (self.room / f"log.{ending}").write_bytes(log)
        self.judge("mapping and log", content, here("dataset", "import", f"log.{ending}", "--mapping", "map.yaml",
                                                  "--scenario", SCENARIO, "--set", "channels=4", "--to", "out/log"))

    def judge(self, kind, content, outcome, whole=False):
        """Add the verdict on one case, and clear away."""
        left = list(state(self.room / "out")) if (self.room / "out").exists() else []
        shutil.rmtree(self.room / "out", ignore_errors=True)
        if has_traceback(outcome):
            verdict = "traceback"
        elif outcome.code == 0:
            verdict = "valid"
        elif not (clear_error(outcome) or usage_error(outcome)):
            verdict = "unclear"
        else:
            verdict = "written" if any(path not in ("log", "log-rejected.jsonl") for path in left) else "refused"
        self.done.append(Case(f"{kind}, run whole" if whole and outcome.code == 0 else kind, content, verdict, outcome))


def cases(base, room, count, seed=0, runs=0):
    """Return `count` cases: half parameter files, a quarter requests, a quarter mappings and logs."""
    place = Room(base, room, runs)
    shares = ((place.parameters, parameter_files(), count // 2), (place.request, requests(), count // 4),
              (place.imported, logs(place.log), count - count // 2 - count // 4))
    with inside(room):
        for check, strategy, share in shares:
            settings = hypothesis.settings(max_examples=share, deadline=None, database=None, phases=[Phase.generate],
                                           derandomize=False, suppress_health_check=list(HealthCheck))
            hypothesis.seed(seed)(settings(hypothesis.given(strategy)(check)))()
    return place.done


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cases", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--runs", type=int, default=20)
    parser.add_argument("--base", type=Path, help="a miniature pipeline that is there already")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        base = options.base or Path(folder) / "base"
        if not options.base:
            pipeline(base)
        done = cases(base, Path(folder) / "room", options.cases, options.seed, options.runs)
    for case in done:
        if case.verdict not in GOOD:
            print(f"{case.verdict}: {case.kind}, {case.content!r:.3000}\n{case.outcome}", flush=True)
    tell("fuzzed inputs", Counter(case.verdict for case in done), len(done))
    tell("by kind", Counter(f"{case.kind}: {case.verdict}" for case in done), len(done))
    sys.exit(any(case.verdict not in GOOD for case in done))


if __name__ == "__main__":
    main()
