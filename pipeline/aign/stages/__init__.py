"""What DVC runs: collect, train, sample, evaluate."""
