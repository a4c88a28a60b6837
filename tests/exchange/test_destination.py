import os

import pytest
from hypothesis import given
from hypothesis import strategies as st
from smoke import contents

from aign.errors import ParameterError, StorageError
from aign.exchange import destination
from aign.exchange.publication import Publication
from aign.files import manifest


def fill_with(text, kind="dataset"):
    def fill(folder):
        (folder / "README.md").write_text(text)
        Publication(kind=kind).save(folder)
        manifest.build(folder)
    return fill


@pytest.mark.parametrize(("to", "repository"), [
    ("hub:me/aign-power", "me/aign-power"), ("hub:A.b_c/d-1", "A.b_c/d-1"), ("somewhere", None), ("./hub:x", None)])
def test_names_of_places(to, repository):
    assert destination.repository_of(to) == repository


@pytest.mark.parametrize("to", ["hub:", "hub:me", "hub:me/", "hub:/x", "hub:a/b/c", "hub:a b/c", "hub:-a/b",
                                "hub:a/b..c", "hub:a/b--c", "hub:a/é", ""])
def test_what_names_no_place_is_refused(to):
    with pytest.raises(ParameterError, match="--to"):
        destination.repository_of(to)


@given(st.text(max_size=30))
def test_any_text_is_a_place_or_a_clear_error(text):
    try:
        found = destination.repository_of("hub:" + text)
    except ParameterError:
        return
    assert found == text
    assert text.count("/") == 1


def test_a_publication_replaces_an_earlier_one_only(tmp_path):
    out = tmp_path / "out"
    destination.publish(str(out), "dataset", [], fill_with("one"))
    done = destination.publish(str(out), "dataset", [], fill_with("two"))
    assert (out / "README.md").read_text() == "two"
    assert done.files == {name: len(data) for name, data in contents(out).items()}
    with pytest.raises(ParameterError, match="is not an intact published model"):
        destination.publish(str(out), "model", [], fill_with("three", "model"))
    (out / "notes.txt").write_text("mine")
    with pytest.raises(ParameterError, match=r"notes\.txt: foreign"):
        destination.publish(str(out), "dataset", [], fill_with("four"))
    assert (out / "README.md").read_text() == "two"


@pytest.mark.parametrize("name", [".git", ".cache", ".gitattributes"])
def test_a_clone_is_not_replaced(tmp_path, name):
    destination.publish(str(tmp_path / "out"), "dataset", [], fill_with("one"))
    (tmp_path / "out" / name).mkdir()
    with pytest.raises(ParameterError, match="files of git or of the hub's client"):
        destination.publish(str(tmp_path / "out"), "dataset", [], fill_with("two"))


def test_other_things_are_not_replaced(tmp_path):
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "thesis.tex").write_text("years of work")
    (tmp_path / "file").write_text("text")
    for name in ("home", "file"):
        before = contents(tmp_path)
        with pytest.raises(ParameterError, match="so it is not replaced"):
            destination.publish(str(tmp_path / name), "dataset", [], fill_with("one"))
        assert contents(tmp_path) == before


def test_an_empty_folder_is_filled(tmp_path):
    (tmp_path / "out").mkdir()
    destination.publish(str(tmp_path / "out"), "dataset", [], fill_with("one"))
    assert (tmp_path / "out" / "README.md").read_text() == "one"


@pytest.mark.parametrize("to", ["source", "source/inside", ".", "link", "else/../source"])
def test_what_is_published_is_never_replaced(tmp_path, to):
    destination.publish(str(tmp_path / "source"), "dataset", [], fill_with("source"))
    os.symlink(tmp_path / "source", tmp_path / "link")
    before = contents(tmp_path / "source")
    with pytest.raises(ParameterError, match="overlaps"):
        destination.publish(str(tmp_path / to), "dataset", [tmp_path / "source"], fill_with("one"))
    assert contents(tmp_path / "source") == before


def test_no_temporary_folder_is_one_clear_error(tmp_path, monkeypatch):
    monkeypatch.setattr(destination.tempfile, "tempdir", str(tmp_path / "missing"))
    with pytest.raises(StorageError, match="no temporary folder can be made"):
        destination.publish(str(tmp_path / "out"), "dataset", [], fill_with("one"), dry_run=True)


def test_a_dataset_may_only_take_the_place_of_a_dataset(tmp_path):
    destination.check_dataset(tmp_path / "new")
    (tmp_path / "home").mkdir()
    destination.check_dataset(tmp_path / "home")
    (tmp_path / "home" / "thesis.tex").write_text("years of work")
    with pytest.raises(ParameterError, match="exists but is not a dataset"):
        destination.check_dataset(tmp_path / "home")
