"""python -m aircue_gateway"""

import sys

from aircue_gateway.cli import main

if __name__ == "__main__":
    sys.exit(main())
