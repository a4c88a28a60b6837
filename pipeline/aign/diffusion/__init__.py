"""The conditional Decision Diffuser: network, training, sampling."""
