"""`python -m mangagan`: the command line, run from the code in the working directory."""

import sys

from mangagan.cli import main

if __name__ == "__main__":
    sys.exit(main())
