"""What a call asks its recognizer for, and what comes back."""

from stream_app.calls.transcribe.recognition.early_finals import Recognizer
from stream_app.calls.transcribe.recognition.requests import (
    CROSSTALK,
    FAILED,
    RecognitionRequest,
    RecognitionResult,
    crosstalk_recognition,
    failed_recognition,
    recognize,
)

__all__ = [
    "CROSSTALK",
    "FAILED",
    "RecognitionRequest",
    "RecognitionResult",
    "Recognizer",
    "crosstalk_recognition",
    "failed_recognition",
    "recognize",
]
