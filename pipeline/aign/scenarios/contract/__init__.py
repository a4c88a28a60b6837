"""Contracts for providers of mobile AI-generated content whose types are hidden."""

from aign.scenarios.contract.scenario import Contract

__all__ = ["Contract"]
