"""What do the command ``negsim`` and ``python -m negsim`` do? An interrupt is told in a line, also while they load."""

from __future__ import annotations

import sys


def main() -> int:
    """Load the command line and do what the shell asks for; the exit code."""
    try:
        from negsim.cli import main as answer

        return answer()
    except KeyboardInterrupt:  # later ones are told by `answer` itself
        sys.stderr.write("negsim: interrupted\n")
        return 130


if __name__ == "__main__":
    sys.exit(main())
