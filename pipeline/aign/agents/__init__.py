"""Who acts in a scenario: learning agents, heuristics, experts guided by a solver or by labels."""
