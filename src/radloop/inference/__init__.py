"""From a file to an answer: bundles, admissibility, the engine, calibration."""
