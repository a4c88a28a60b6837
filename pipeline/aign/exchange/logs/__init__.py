"""An operator's own log, a table with one row a step, becomes a trajectory dataset; begin with `importing`."""
