"""Stackelberg pricing of split inference on edge devices, the case study of Lai et al."""

from aign.scenarios.stackelberg.scenario import Stackelberg

__all__ = ["Stackelberg"]
