"""Requests, verification in the digital twin, ranking."""
