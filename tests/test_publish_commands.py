import json

import pytest
from publishing import VERSIONS
from smoke import aign, contents

from aign.engines.messages import size
from aign.exchange.logs import importing


@pytest.fixture(autouse=True)
def elsewhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")
    return tmp_path


def test_publish_then_import_gives_the_store_again(tmp_path):
    done = aign("publish", "dataset", *map(str, VERSIONS), "--to", "out")
    assert done.code == 0, done.err
    digest = json.loads((tmp_path / "out" / "meta" / "manifest.json").read_text())["digest"]
    files = contents(tmp_path / "out")
    assert f"wrote out ({len(files)} files, {sum(map(len, files.values()))} bytes), digest {digest}" in done.out
    for name, data in files.items():
        assert any(name in line and size(len(data)) in line for line in done.out.splitlines()), name
    done = aign("dataset", "import", "out", "--config", "version-1", "--to", "back")
    assert done.code == 0, done.err
    assert "is the digest of the published dataset" in done.out
    assert contents(tmp_path / "back") == contents(VERSIONS[0])


def test_a_dry_run_says_what_would_be_written_and_writes_nothing(tmp_path):
    done = aign("publish", "dataset", str(VERSIONS[1]), "--to", "out", "--dry-run")
    assert done.code == 0, done.err
    assert "would write out (" in done.out
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(("arguments", "words"), [
    (("publish", "dataset", "nothing", "--to", "out"), "nothing: no such folder"),
    (("publish", "dataset", str(VERSIONS[1]), "--to", "hub:me"), "hub:OWNER/NAME"),
    (("publish", "model", "nothing", "--to", "out"), "nothing: no such model folder"),
    (("publish", "model", str(VERSIONS[1]), "--to", "out"), "no model_index.json in it"),
    (("dataset", "import", str(VERSIONS[1]), "--to", "out"),
     "not a published dataset (meta/publication.json is missing)"),
    (("dataset", "import", "x", "--to", "out", "--scenario", "power-allocation"), "are for logs: give --mapping"),
    (("dataset", "import", "x.csv", "--to", "out", "--mapping", "m.yaml"), "needs --mapping and --scenario"),
    (("dataset", "import", "x.csv", "--to", "out", "--mapping", "m.yaml", "--scenario", "power-allocation", "--config",
      "a"), "has no --config"),
    (("dataset", "import", "x.csv", "--to", "out", "--mapping", "m.yaml", "--scenario", "power"),
     "Unknown scenario 'power'"),
    (("dataset", "import", "x.csv", "--to", "out", "--mapping", "m.yaml", "--scenario", "power-allocation", "--set",
      "users"), "as NAME=VALUE"),
    (("dataset", "import", "x.csv", "--to", "out", "--mapping", "m.yaml", "--scenario", "power-allocation", "--set",
      "users=many"), "users: Input should be a valid integer"),
    (("dataset", "import", "x.csv", "--to", ".", "--mapping", "m.yaml", "--scenario", "power-allocation"), "m.yaml"),
])
def test_what_cannot_be_is_one_message_and_status_two(tmp_path, arguments, words):
    done = aign(*arguments)
    assert done.code == 2
    assert words in done.err
    assert "Traceback" not in done.err
    assert not (tmp_path / "out").exists()


def test_a_token_is_never_an_option():
    for kind in ("dataset", "model"):
        assert "--token" not in aign("publish", kind, "--help").out


def test_a_log_never_takes_the_place_of_something_else(tmp_path):
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "thesis.tex").write_text("years of work")
    done = aign("dataset", "import", "x.csv", "--to", "home", "--mapping", "m.yaml", "--scenario", "power-allocation")
    assert done.code == 2
    assert "exists but is not a dataset" in done.err


def test_a_log_goes_to_the_importer_with_its_scenario(tmp_path, monkeypatch):
    given = []

    def import_log(path, mapping, scenario, folder, report):
        given.append((str(path), str(mapping), scenario.spec()["users"], scenario.spec()["gains"], str(folder)))
        report(1, 2)
        folder.mkdir()
        return "3 rows rejected"

    monkeypatch.setattr(importing, "import_log", import_log)
    done = aign("dataset", "import", "x.csv", "--to", "north", "--mapping", "m.yaml", "--scenario", "power-allocation",
                "--set", "users=3", "--set", "gains=general")
    assert done.code == 0, done.err
    assert given == [("x.csv", "m.yaml", 3, "general", "north")]
    assert "3 rows rejected" in done.out


def test_a_model_that_is_published_says_so(tmp_path, smoke):
    model = smoke.folder / "models" / "water-4"
    report = smoke.folder / "data" / "reports" / "water-4" / "metrics.json"
    done = aign("publish", "model", str(model), "--to", "out", "--report", str(report), "--dataset", "me/water")
    assert done.code == 0, done.err
    card = (tmp_path / "out" / "README.md").read_text()
    assert "me/water" in card.split("---")[1]
    digest = json.loads((smoke.folder / "data/trajectories/water-4/meta/manifest.json").read_text())["digest"]
    assert digest in card
    assert "`diffuser_single`" in card
    (tmp_path / "out" / "history.json").unlink()
    assert "history.json: missing" in aign("publish", "model", "out", "--to", "again").err
