"""Selection of service providers for AI-generated content, task by task."""

from aign.scenarios.asp_selection.scenario import AspSelection

__all__ = ["AspSelection"]
