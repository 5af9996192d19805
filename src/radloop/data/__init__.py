"""Sources, manifest, splits, versions, and the synthetic phantoms."""
