"""Traces and videos of a user's files, and what is said of bad ones."""

import json

import numpy as np
import pyarrow as pa
import pyarrow.parquet
import pytest
import torch

from aign.errors import ContextError, ParameterError
from aign.scenarios.core import registry
from aign.scenarios.video_streaming import VideoStreaming, traces


def csv(folder, name, rows, header="time_s,bandwidth_kbit_s"):
    file = folder / name
    file.write_text("\n".join([header, *rows]) + "\n")
    return file


def test_logs_are_read_from_both_formats_and_from_a_folder(tmp_path):
    csv(tmp_path, "b.csv", ["0,1000", "2,3000", "5,7"])
    pa.parquet.write_table(pa.table({"source": ["x", "y"], "log": ["one log", "other"],
                                     "time_s": [[1.0, 2.0], [0.0, 4.0]],
                                     "bandwidth_kbit_s": [[500.0, None], [250.0, 0.0]]}), tmp_path / "a.parquet")
    every = traces.read(tmp_path)
    assert [trace.name for trace in every] == ["one log", "other", "b"]
    np.testing.assert_allclose(every[2].durations, [2, 3])
    np.testing.assert_allclose(every[2].throughputs, [1, 3])
    assert [trace.name for trace in traces.read(tmp_path / "a.parquet", "y")] == ["other"]


def test_contexts_are_the_logs_begun_somewhere(tmp_path):
    csv(tmp_path, "log.csv", ["0,1000", "1,2000", "3,4000", "7,0"])
    scenario = VideoStreaming.create(traces=tmp_path, segments=5, chunks=3)
    contexts = scenario.check_contexts(scenario.draw_contexts(20, torch.Generator().manual_seed(0)))
    begun = {tuple(row) for row in contexts.int().tolist()}
    assert begun == {(1, 2, 4, 0, 0, 1, 2, 4, 0, 0), (2, 4, 1, 0, 0, 2, 4, 1, 0, 0), (4, 1, 2, 0, 0, 4, 1, 2, 0, 0)}
    assert registry.create(**scenario.spec()).spec() == scenario.spec()


@pytest.mark.parametrize(("rows", "header", "said"), [
    (["0,1", "1,2"], "time,bandwidth_kbit_s", "no column time_s"),
    (["0,1"], "time_s,bandwidth_kbit_s", "1 times"),
    (["0,1", "0,2"], "time_s,bandwidth_kbit_s", r"time_s\[0\] = 0 and then 0"),
    (["0,1", "2,-3", "3,1"], "time_s,bandwidth_kbit_s", r"bandwidth_kbit_s\[1\] = -3"),
    (["0,0", "2,0"], "time_s,bandwidth_kbit_s", "no bandwidth above 0"),
    (["0,x", "2,y"], "time_s,bandwidth_kbit_s", "must be numbers")])
def test_bad_logs_are_refused_by_name(tmp_path, rows, header, said):
    csv(tmp_path, "bad.csv", rows, header)
    with pytest.raises(ParameterError, match=rf"traces: .*bad\.csv.*{said}"):
        VideoStreaming.create(traces=tmp_path)


def test_places_without_logs_are_refused(tmp_path):
    for place in (tmp_path / "none", tmp_path):
        with pytest.raises(ParameterError, match="traces: no "):
            VideoStreaming.create(traces=place)
    (tmp_path / "log.txt").write_text("0 1")
    with pytest.raises(ParameterError, match=r"ends in \.txt; allowed: \.csv, \.parquet"):
        VideoStreaming.create(traces=tmp_path / "log.txt")


def test_a_context_that_carries_nothing_is_refused():
    scenario = VideoStreaming.create(segments=2)
    with pytest.raises(ContextError, match="Context 0: no segment has both"):
        scenario.check_contexts(torch.tensor([1.0, 0.0, 0.0, 5.0]))


def test_a_video_is_read_and_bad_ones_refused(tmp_path):
    file = tmp_path / "video.json"
    video = {"bitrates_kbit_s": [500, 1000], "chunk_seconds": 2, "sizes_bytes": [[125000, 250000], [250000, 500000]]}
    file.write_text(json.dumps(video))
    scenario = VideoStreaming.create(video=file, chunks=2)
    assert scenario.video.sizes.tolist() == [[1, 2], [2, 4]]
    assert scenario.choices == 2
    for change, said in (({"sizes_bytes": [[1], [2]]}, "chunks = 2"), ({"bitrates_kbit_s": [1, 1]}, "must rise"),
                         ({"chunk_seconds": 0}, "positive"), ({"sizes_bytes": [[1, 2]]}, "1 sizes|positive|sizes for")):
        file.write_text(json.dumps({**video, **change}))
        with pytest.raises(ParameterError, match=f"video: .*({said})"):
            VideoStreaming.create(video=file, chunks=2)
    file.write_text("[]")
    with pytest.raises(ParameterError, match="needs"):
        VideoStreaming.create(video=file)
