"""The widgets, which bind to the session."""

from ...needs import ALL, GUI, need

need(*GUI, what="the dock", install=ALL)
