"""Settings of callstream: one root, and one file for each part of it."""

from stream_app.settings.analytics import AnalyticsSettings
from stream_app.settings.api import ApiSettings
from stream_app.settings.asr import AsrSettings
from stream_app.settings.classification import ClassificationSettings
from stream_app.settings.inference import InferenceSettings
from stream_app.settings.kafka import KafkaSettings
from stream_app.settings.overload import OverloadSettings
from stream_app.settings.root import Settings, is_setting, load_settings, settings_from_json
from stream_app.settings.segments import SegmentSettings
from stream_app.settings.stalls import StallSettings
from stream_app.settings.turns import TurnRoute, TurnSettings
from stream_app.settings.worker import MetricsSettings, WorkerSettings

__all__ = [
    "AnalyticsSettings",
    "ApiSettings",
    "AsrSettings",
    "ClassificationSettings",
    "InferenceSettings",
    "KafkaSettings",
    "MetricsSettings",
    "OverloadSettings",
    "SegmentSettings",
    "Settings",
    "StallSettings",
    "TurnRoute",
    "TurnSettings",
    "WorkerSettings",
    "is_setting",
    "load_settings",
    "settings_from_json",
]
