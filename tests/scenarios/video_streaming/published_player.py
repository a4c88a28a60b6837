"""The published simulator's chunk by chunk arithmetic, event by event and in plain numbers: an independent reference.

A trace here is as published ones are read: value i of `bandwidths` [Mbit/s] holds from `times`[i] to `times`[i + 1].
"""

import math


def session(times, bandwidths, sizes, bitrates, choices, chunk=4.0, first=1):
    """Return (delay, stall, buffer, wait, reward) of each chunk, in seconds and Mbit/s; sizes are in Mbit."""
    place, clock, buffer, last, rows = 0, times[0], 0.0, bitrates[first], []
    for number, choice in enumerate(choices):
        left, delay = sizes[number][choice], 0.0
        while True:
            length = times[place + 1] - clock
            carried = 0.95 * bandwidths[place] * length
            if carried > left:
                part = left / bandwidths[place] / 0.95
                delay, clock = delay + part, clock + part
                break
            left, delay = left - carried, delay + length
            place, clock = next_segment(place, times)
        delay += 0.08
        stall, buffer = max(delay - buffer, 0.0), max(buffer - delay, 0.0) + chunk
        wait = 0.0
        if buffer > 60.0:
            wait = math.ceil((buffer - 60.0) / 0.5) * 0.5
            buffer, rest = buffer - wait, wait
            while True:
                length = times[place + 1] - clock
                if length > rest:
                    clock += rest
                    break
                rest -= length
                place, clock = next_segment(place, times)
        rows.append((delay, stall, buffer, wait,
                     bitrates[choice] - 4.3 * stall - abs(bitrates[choice] - last)))
        last = bitrates[choice]
    return rows


def next_segment(place, times):
    """Return the next segment and when it begins; after the last one the trace begins again."""
    return (place + 1, times[place + 1]) if place + 2 < len(times) else (0, times[0])
