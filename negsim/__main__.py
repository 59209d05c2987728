"""What does ``python -m negsim`` do? The same as the command ``negsim``."""

import sys

from negsim.cli import main

sys.exit(main())
