"""Environments that someone else wrote: any Gymnasium environment, by its id, as a scenario."""

from aign.scenarios.gymnasium.scenario import GymnasiumParameters, GymnasiumScenario

__all__ = ["GymnasiumParameters", "GymnasiumScenario"]
