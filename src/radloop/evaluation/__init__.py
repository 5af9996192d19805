"""The evaluation of a bundle: judgement, figures and the report."""
