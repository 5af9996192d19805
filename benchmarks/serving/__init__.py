"""The service beside the ways in which models are usually served."""
