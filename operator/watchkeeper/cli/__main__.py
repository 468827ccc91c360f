"""`python -m watchkeeper.cli`."""

from watchkeeper.cli.main import main

main()
