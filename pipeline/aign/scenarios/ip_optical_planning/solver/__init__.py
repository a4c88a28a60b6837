"""Least-cost survivable capacity of a network, with a proven bound: cut inequalities, exact routing, HiGHS.

Read in this order: `instance`, `node_sets`, `fibre_rows`, `relaxation`, `routing`, `routing_check`, `spreading`,
`diving`, `heuristics`, `neighbourhoods`, `search`.
"""
