"""Evidence, the gate, the model registry, review and deployment."""
