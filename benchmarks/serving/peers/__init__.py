"""What the service is compared with: each a FastAPI application, or a loop without HTTP."""
