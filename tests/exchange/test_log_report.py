import io
import json
from pathlib import Path

from rich.console import Console

from aign.exchange.logs.report import ImportReport
from aign.exchange.logs.simulation import Deviation

FULL = ImportReport(
    folder=Path("data/north"), rows=1700, rejected_rows=34, episodes={"train": 80, "validation": 9, "test": 9},
    contexts={"train": 40, "validation": 5, "test": 5}, rejected_episodes=2, renumbered=7,
    kinds={"the episode has a faulty row": 32, "power": 2}, first=[(5, "power[0]: 50 level, allowed: 0 to 40")],
    deviations={"reward": Deviation(1600, 2, 0.125)})


def printed(report):
    console = Console(width=110, file=io.StringIO())
    console.print(report)
    return console.file.getvalue()


def test_everything_is_in_the_table():
    text = printed(FULL)
    for part in ("1,666 of 1,700", "80", "power[0]: 50 level, allowed: 0 to 40", "data/north/rejected.jsonl", "1,600",
                 "0.125", "the episode has a faulty row: 32; power: 2", "7 episodes: parts of the network renumbered"):
        assert part in text, part


def test_a_clean_import_says_no_word_of_rejection():
    clean = ImportReport(Path("x"), 17, 0, {"train": 1}, {"train": 1}, 0, 0, {}, [], {})
    text = printed(clean)
    assert "rejected.jsonl" not in text
    assert "simulator" not in text
    assert "renumbered" not in text


def test_provenance_is_json():
    found = json.loads(json.dumps(FULL.provenance()))
    assert found["simulator"]["reward"] == {"compared": 1600, "rejected": 2, "largest": 0.125}
    assert found["rejected_for"]["power"] == 2
    assert (found["rows"], found["rejected_rows"], found["renumbered_episodes"]) == (1700, 34, 7)
