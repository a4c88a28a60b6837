"""What is measured of a session, and the words operators have for it."""

from __future__ import annotations

from aign.scenarios.core.constraints import Label

SECONDS = (("second", 1.0), ("ms", 1e-3), ("millisecond", 1e-3), ("minute", 60.0))
BITRATES = (("kbit/s", 1e-3), ("Mbps", 1.0), ("kbps", 1e-3))
LABELS = (
    Label("rebuffer", "s", "lower", "Seconds without a picture, start-up included.",
          ("rebuffering", "rebuffer seconds", "stalls", "stall", "stall time", "time stalled", "freezing",
           "no stalls<=0", "without any stalls<=0"), SECONDS),
    Label("rebuffer_ratio", "1", "lower", "Share of the session without a picture.",
          ("rebuffer ratio", "rebuffering ratio", "stall ratio", "share of the session stalled",
           "session without a picture", "time without a picture"), (("%", 0.01),)),
    Label("mean_bitrate", "Mbit/s", "higher", "Mean bitrate of the chunks.",
          ("mean bitrate", "average bitrate", "bitrate", "picture quality", "average"), BITRATES),
    Label("switches", "1", "lower", "How often the bitrate changes.",
          ("switches", "bitrate switches", "quality switches", "changes of the bitrate", "switch"),
          (("time", 1.0),)),
    Label("least_buffer", "s", "higher", "Least buffer at the arrival of a chunk, the first one aside.",
          ("least buffer", "lowest buffer", "minimum buffer", "buffer", "buffered", "video buffered"), SECONDS),
    Label("variation", "Mbit/s", "lower", "Sum of the changes of the bitrate from chunk to chunk.",
          ("variation", "variation of the bitrate", "bitrate variation"), BITRATES))
