"""`python -m xenpatch` is `xenpatch`."""

from xenpatch.cli import main

main()
