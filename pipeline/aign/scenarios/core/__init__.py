"""What every network is: environment, design problem, labels, constraints, certificates, registry."""
