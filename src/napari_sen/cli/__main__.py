"""``python -m napari_sen.cli``: the command line without its installed script."""

import sys

from . import main

sys.exit(main())
