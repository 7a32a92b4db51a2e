"""python -m aircue_gateway"""

import sys

from aircue_gateway.cli import main

sys.exit(main())
