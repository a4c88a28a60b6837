"""AIGN: AI-generated network design with certificates.

Rooms, from the ground up: `scenarios` (the networks), `trajectories` (the dataset), `agents` (who acts),
`diffusion` (the Decision Diffuser), `designs` (requests, verification, ranking), `stages` (what DVC runs) and `cli`.
"""

__version__ = "0.1.0"
