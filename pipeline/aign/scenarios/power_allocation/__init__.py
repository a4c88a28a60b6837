"""Uplink power allocation, the case study of the AIGN paper."""

from aign.scenarios.power_allocation.scenario import PowerAllocation

__all__ = ["PowerAllocation"]
