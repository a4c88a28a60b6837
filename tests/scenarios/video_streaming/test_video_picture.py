"""What the picture of a session shows."""

import torch

from aign.scenarios.video_streaming import VideoStreaming


def test_a_picture_shows_bitrates_buffers_and_throughputs():
    scenario = VideoStreaming.create(chunks=10, segments=30)
    context = scenario.draw_contexts(1, torch.Generator().manual_seed(1))[0]
    design = torch.tensor([0, 0, 1, 1, 2, 2, 2, 1, 1, 0]).float()
    path = scenario.path_of(context, design, design)
    figure = scenario.picture(context, path, "a session")
    bitrates, buffers, speeds = figure.axes
    chosen = scenario.video.bitrates[design.long()].tolist()
    assert bitrates.lines[0].get_ydata().tolist() == chosen
    assert buffers.lines[0].get_ydata().tolist() == path[:, 20].tolist()
    assert len(speeds.lines) == 2
    clock = scenario.parts(path)[1][:, 0]
    torch.testing.assert_close(torch.tensor(buffers.lines[0].get_xdata()), clock)
    assert len(scenario.picture(context, path[:, :scenario.state_size]).axes) == 3
