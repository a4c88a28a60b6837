import json

import pytest

from aign.errors import DatasetError, ModelError
from aign.exchange.publication import NAME, Publication, Variant, read
from aign.files import manifest

VARIANT = {"name": "power-2", "digest": "0" * 64, "format_version": 2, "episodes": 5}


def folder_with(folder, content):
    folder.mkdir(exist_ok=True)
    (folder / "meta").mkdir(exist_ok=True)
    (folder / manifest.NAME).unlink(missing_ok=True)
    (folder / NAME).write_text(json.dumps(content))
    manifest.build(folder)
    return folder


def test_what_was_saved_is_read(tmp_path):
    saved = Publication(kind="dataset", variants=[Variant(**VARIANT)])
    saved.save(tmp_path)
    manifest.build(tmp_path)
    assert read(tmp_path, "dataset") == saved
    assert json.loads((tmp_path / NAME).read_text()) == {"kind": "dataset", "format_version": 1, "variants": [VARIANT]}


@pytest.mark.parametrize(("change", "place"), [
    ({"kind": "recipe"}, "kind"), ({"format_version": 2}, "format_version"), ({"more": 1}, "more"),
    ({"variants": [{**VARIANT, "digest": "abc"}]}, r"variants\.0\.digest"),
    ({"variants": [{**VARIANT, "name": "../x"}]}, r"variants\.0\.name"),
    ({"variants": [{**VARIANT, "episodes": "5"}]}, r"variants\.0\.episodes"),
    ({"variants": 3}, "variants"),
])
def test_a_foreign_index_is_refused_with_the_place(tmp_path, change, place):
    content = {"kind": "dataset", "format_version": 1, "variants": [VARIANT], **change}
    with pytest.raises(DatasetError, match=rf"publication\.json: {place}: "):
        read(folder_with(tmp_path, content), "dataset")


def test_no_object_is_refused(tmp_path):
    with pytest.raises(DatasetError, match=r"publication\.json: content: "):
        read(folder_with(tmp_path, [1]), "dataset")


def test_the_kind_must_be_the_one_wanted(tmp_path):
    with pytest.raises(ModelError, match="a published dataset, not a model"):
        read(folder_with(tmp_path, {"kind": "dataset", "format_version": 1, "variants": []}), "model")
