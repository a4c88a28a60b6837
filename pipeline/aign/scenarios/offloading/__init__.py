"""Computation offloading: who computes locally and who on which of several servers (Liang et al. 2024)."""

from aign.scenarios.offloading.scenario import Offloading

__all__ = ["Offloading"]
