"""Who acts in a scenario: learning agents, heuristics, solver-guided experts."""
