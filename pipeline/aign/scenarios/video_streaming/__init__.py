"""Bitrate selection for streamed video: one decision for each chunk."""

from aign.scenarios.video_streaming.scenario import VideoParameters, VideoStreaming

__all__ = ["VideoParameters", "VideoStreaming"]
