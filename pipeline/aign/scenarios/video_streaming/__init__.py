"""Bitrate selection for streamed video: one decision for each chunk."""

from aign.scenarios.video_streaming.parameters import VideoParameters
from aign.scenarios.video_streaming.scenario import VideoStreaming

__all__ = ["VideoParameters", "VideoStreaming"]
