import json
import shutil

import pytest
from recorded_data import changed_json, sealed

from aign.errors import DatasetError
from aign.trajectories import description as module
from aign.trajectories.verification import verify


def refused(folder, *words):
    with pytest.raises(DatasetError) as caught:
        list(verify(folder))
    for word in words:
        assert str(word) in str(caught.value)


def compared(folder):
    """Return the subject of the check, and how many figures it counted."""
    check = next(check for check in verify(folder) if check.name == "figures")
    return check.subject, check.counts["figures"]


@pytest.mark.parametrize(("name", "change", "words"), [
    ("meta/info.json", lambda info: info["splits"]["test"].update(episodes=7),
     ("splits.test.episodes: 7 stored", "give 18")),
    ("meta/info.json", lambda info: info["labels"][1].update(unit="kW"), ('labels[1].unit: "kW" stored', '"W"')),
    ("meta/info.json", lambda info: info.pop("horizon"), ("horizon: nothing stored", "give 8")),
    ("meta/info.json", lambda info: info.update(motto=1), ("motto: 1 stored", "give nothing")),
    ("meta/info.json", lambda info: info.update(horizon=8.0), ("horizon: 8.0 stored", "give 8.")),
    ("meta/info.json", lambda info: info.pop("provenance"), ("'provenance' is missing",)),
    ("meta/info.json", lambda info: info.update(versions=3), ("'versions' is missing",)),
    ("meta/info.json", lambda info: info["versions"].pop("aign"), ("'versions.aign' is missing",)),
    ("meta/stats.json", lambda stats: stats["actions"]["q10"].append(0.0), ("actions.q10[4]: 0.0 stored",)),
    ("meta/stats.json", lambda stats: stats["rewards"].update(std=stats["rewards"]["std"] + 1e-15), ("rewards.std",)),
    ("meta/quality.json", lambda figures: figures["state_action_coverage"].update(bins=6),
     ("state_action_coverage.bins: 6 stored", "give 5")),
    ("meta/quality.json", lambda figures: figures["behaviours"]["random"].update(share=1),
     ("behaviours.random.share: 1 stored",)),
    ("state.json", lambda state: state.update(_fingerprint="0"), ('_fingerprint: "0" stored',)),
    ("state.json", lambda state: state["_data_files"].pop(), ("_data_files[3].filename: nothing stored",)),
    ("dataset_info.json", lambda info: info.update(license="mit"), ('license: "mit" stored', "apache-2.0")),
])
def test_what_the_shards_do_not_give_is_named(recorded, tmp_path, name, change, words):
    copy = changed_json(recorded, tmp_path / "d", name, change)
    refused(copy, copy / name, *words)


@pytest.mark.parametrize(("old", "new", "words"), [
    ("duplicate episodes | 0", "duplicate episodes | 1", "duplicate episodes | 1"), ("bibtex", "", "line "),
    ("@article", "@book", "@article")])
def test_a_line_of_the_card_is_named(recorded, tmp_path, old, new, words):
    copy = shutil.copytree(recorded, tmp_path / "d")
    card = copy / "README.md"
    assert old in card.read_text()
    card.write_text(card.read_text().replace(old, new))
    refused(sealed(copy), f"{card}, line ", words)


def test_a_card_that_ends_early_or_late_is_refused(recorded, tmp_path):
    copy = shutil.copytree(recorded, tmp_path / "d")
    card = (copy / "README.md").read_text()
    (copy / "README.md").write_text(card + "more\n")
    refused(sealed(copy), f"line {len(card.splitlines()) + 1}: 'more' stored, the shards give nothing")
    (copy / "README.md").write_text("\n".join(card.splitlines()[:-1]))
    refused(sealed(copy), f"line {len(card.splitlines())}: nothing stored")


@pytest.mark.parametrize("name", ["meta/quality.json", "state.json"])
def test_other_spaces_are_refused_too(recorded, tmp_path, name):
    copy = shutil.copytree(recorded, tmp_path / "d")
    (copy / name).write_text(json.dumps(json.loads((copy / name).read_text())))
    refused(sealed(copy), f"{copy / name}: formatted otherwise")


@pytest.mark.parametrize("content", [b"\xff\xfe", b"{"])
@pytest.mark.parametrize("name", ["meta/quality.json", "dataset_info.json"])
def test_what_is_no_json_is_refused(recorded, tmp_path, name, content):
    copy = shutil.copytree(recorded, tmp_path / "d")
    (copy / name).write_bytes(content)
    refused(sealed(copy), f"{copy / name}: not readable as ")


def test_every_figure_is_counted(recorded):
    subject, count = compared(recorded)
    for name in module.FILES:
        assert name in subject
    text = [json.loads((recorded / name).read_text()) for name in module.FILES if name.endswith(".json")]
    assert count == sum(map(leaves, text)) + len((recorded / "README.md").read_text().splitlines())


def leaves(value):
    inner = list(value.values()) if isinstance(value, dict) else value if isinstance(value, list) else []
    return sum(map(leaves, inner)) if inner else 1


@pytest.mark.parametrize(("package", "left_out"), [("aign", {"README.md", "dataset_info.json"}),
                                                   ("datasets", {"dataset_info.json"}), ("numpy", set())])
def test_the_wording_of_other_versions_is_left_alone(recorded, tmp_path, package, left_out):
    copy = changed_json(recorded, tmp_path / "d", "meta/info.json",
                        lambda info: info["versions"].update({package: "0.0.1"}))
    card = copy / "README.md"
    card.write_text(card.read_text().replace(" Further files", "  Further files") if package == "aign" else
                    card.read_text())
    subject, _ = compared(sealed(copy))
    assert {name for name in module.FILES if name not in subject} == left_out


def test_another_numpy_is_offered_as_the_reason(recorded, tmp_path):
    copy = changed_json(recorded, tmp_path / "a", "meta/info.json", lambda info: info["versions"].update(numpy="1.0"))
    copy = changed_json(copy, tmp_path / "b", "meta/stats.json", lambda stats: stats["utility"].update(mean=0.5))
    refused(copy, "made with numpy 1.0")
