"""How files are written, read and checked: whole or not at all."""
