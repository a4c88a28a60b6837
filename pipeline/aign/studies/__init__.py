"""Comparisons over many seeds and sizes, each a set of cells that survive a stop and a page made from them."""
