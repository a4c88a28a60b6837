"""The networks: physics, decision process, labels, certificates, heuristics, pictures."""
