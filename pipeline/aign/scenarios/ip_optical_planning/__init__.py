"""IP-over-optical capacity planning under link failures, the second use case of the AIGN paper."""

from aign.scenarios.ip_optical_planning.scenario import IpOpticalPlanning

__all__ = ["IpOpticalPlanning"]
