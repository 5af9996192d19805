"""A typed HTTP client of the service; it imports nothing else of Radloop and can be copied out of it."""

from radloop.client.answers import (
    Answer,
    Explanation,
    Finding,
    Grade,
    Model,
    PredictionSet,
    Receipt,
    ServedFinding,
    ServedUseCase,
    ServedValue,
)
from radloop.client.client import AsyncClient, Client
from radloop.client.errors import FailedError, RefusedError, ServiceError, UnreachableError

__all__ = [
    "Answer",
    "AsyncClient",
    "Client",
    "Explanation",
    "FailedError",
    "Finding",
    "Grade",
    "Model",
    "PredictionSet",
    "Receipt",
    "RefusedError",
    "ServedFinding",
    "ServedUseCase",
    "ServedValue",
    "ServiceError",
    "UnreachableError",
]
