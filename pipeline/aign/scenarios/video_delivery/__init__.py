"""Video delivery: what edge nodes cache, which way streams take, and at which bitrate, together."""

from aign.scenarios.video_delivery.scenario import VideoDelivery

__all__ = ["VideoDelivery"]
