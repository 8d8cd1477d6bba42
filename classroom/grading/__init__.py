"""Points for what was handed in, whatever it is."""
