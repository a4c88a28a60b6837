"""`python -m aign.cli`."""

from aign.cli import main

main()
