"""The LightningModule, the pixel cache, the Optuna search and its tracking."""
