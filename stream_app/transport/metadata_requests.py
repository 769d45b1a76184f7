"""Metadata requests that aiokafka itself does not make: without creating topics, and with ids.

Its own requests let the brokers create the topics, with their default partition count.
"""

from collections.abc import Sequence
from io import BytesIO
from typing import Any, ClassVar

import aiokafka.admin.client
import aiokafka.client
from aiokafka.protocol.api import Request, RequestStruct, Response
from aiokafka.protocol.metadata import MetadataRequest, MetadataRequest_v5
from aiokafka.protocol.types import (
    Boolean,
    CompactArray,
    CompactString,
    Int16,
    Int32,
    Schema,
    TaggedFields,
)

_UUID_BYTES = 16
NO_ID = bytes(_UUID_BYTES)


class _Uuid:
    @classmethod
    def encode(cls, value: bytes) -> bytes:
        return value

    @classmethod
    def decode(cls, data: BytesIO) -> bytes:
        return data.read(_UUID_BYTES)

    @classmethod
    def repr(cls, value: bytes) -> str:
        return value.hex()


_TEXT = CompactString("utf-8")


class _MetadataResponseV10(Response):  # type: ignore[misc]
    API_KEY: ClassVar[int] = 3
    API_VERSION: ClassVar[int] = 10
    SCHEMA = Schema(
        ("throttle_time_ms", Int32),
        (
            "brokers",
            CompactArray(
                ("node_id", Int32),
                ("host", _TEXT),
                ("port", Int32),
                ("rack", _TEXT),
                ("tags", TaggedFields),
            ),
        ),
        ("cluster_id", _TEXT),
        ("controller_id", Int32),
        (
            "topics",
            CompactArray(
                ("error_code", Int16),
                ("topic", _TEXT),
                ("topic_id", _Uuid),
                ("is_internal", Boolean),
                (
                    "partitions",
                    CompactArray(
                        ("error_code", Int16),
                        ("partition", Int32),
                        ("leader", Int32),
                        ("leader_epoch", Int32),
                        ("replicas", CompactArray(Int32)),
                        ("isr", CompactArray(Int32)),
                        ("offline_replicas", CompactArray(Int32)),
                        ("tags", TaggedFields),
                    ),
                ),
                ("authorized_operations", Int32),
                ("tags", TaggedFields),
            ),
        ),
        ("cluster_authorized_operations", Int32),
        ("tags", TaggedFields),
    )


class _MetadataRequestV10(RequestStruct):  # type: ignore[misc]
    FLEXIBLE_VERSION: ClassVar[bool] = True
    API_KEY: ClassVar[int] = 3
    API_VERSION: ClassVar[int] = 10
    RESPONSE_TYPE = _MetadataResponseV10
    SCHEMA = Schema(
        ("topics", CompactArray(("topic_id", _Uuid), ("topic", _TEXT), ("tags", TaggedFields))),
        ("allow_auto_topic_creation", Boolean),
        ("include_cluster_authorized_operations", Boolean),
        ("include_topic_authorized_operations", Boolean),
        ("tags", TaggedFields),
    )


class LayoutRequest(Request[MetadataRequest_v5 | _MetadataRequestV10]):  # type: ignore[misc]
    """Asks for topics with their ids, where the brokers have any, and creates none."""

    API_KEY = 3

    def __init__(self, names: Sequence[str]) -> None:
        self._names = names

    def build(self, request_struct_class: Any) -> Any:
        """Return the request in the version that the broker and we know."""
        if request_struct_class is MetadataRequest_v5:
            return MetadataRequest_v5(list(self._names), False)
        tags: dict[int, bytes] = {}
        topics = [(NO_ID, name, tags) for name in self._names]
        return _MetadataRequestV10(topics, False, False, False, tags)


class NonCreatingRequest(MetadataRequest):  # type: ignore[misc]
    """Asks for topics and creates none that is missing."""

    def __init__(self, topics: list[str] | None = None) -> None:
        super().__init__(topics, allow_auto_topic_creation=False)


def forbid_topic_creation() -> None:
    """From now on no client of aiokafka in this process makes topics by asking for them.

    aiokafka has no option for it: every client of it, Faust's too, takes the request from here.
    """
    aiokafka.client.MetadataRequest = NonCreatingRequest
    aiokafka.admin.client.MetadataRequest = NonCreatingRequest
