"""A survey of futures: survivable plans of one network for very many traffic matrices, each with a bound on its cost.

Read in this order: `futures`, `library`, `rounding`, `solved`, `planner`, `results`.
"""
