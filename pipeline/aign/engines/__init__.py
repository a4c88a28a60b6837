"""Where independent jobs run: their processes, progress, messages and half-finished work."""
