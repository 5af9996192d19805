"""BentoML and only BentoML: the service, its types and the reading page."""
