"""What is measured of a session, and the words operators have for it."""

from __future__ import annotations

from aign.scenarios.core.constraints import Label

LABELS = (
    Label("rebuffer", "s", "lower", "Seconds without a picture, start-up included.",
          ("rebuffering", "rebuffer seconds", "stalls", "stall", "stall time", "time stalled", "freezing")),
    Label("rebuffer_ratio", "1", "lower", "Share of the session without a picture.",
          ("rebuffer ratio", "rebuffering ratio", "share of stalls", "share of the session stalled"),
          (("%", 0.01),)),
    Label("mean_bitrate", "Mbit/s", "higher", "Mean bitrate of the chunks.",
          ("mean bitrate", "average bitrate", "bitrate", "picture quality"),
          (("Mbit/s", 1.0), ("kbit/s", 0.001))),
    Label("switches", "1", "lower", "How often the bitrate changes.",
          ("switches", "bitrate switches", "quality switches", "changes of the bitrate", "switch")),
    Label("least_buffer", "s", "higher", "Least buffer at the arrival of a chunk, the first one aside.",
          ("least buffer", "lowest buffer", "minimum buffer", "buffer")),
    Label("variation", "Mbit/s", "lower", "Sum of the changes of the bitrate from chunk to chunk.",
          ("variation", "variation of the bitrate", "bitrate variation")))
