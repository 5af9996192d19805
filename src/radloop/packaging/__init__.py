"""Export, parity, fitting on calibrate, sealing, the Bento."""
