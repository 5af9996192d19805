"""Commands behind every figure that the README and the docs state."""
