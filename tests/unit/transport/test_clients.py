"""Messages go to the partition that any Kafka client would choose for their key."""

import pytest
from aiokafka.partitioner import DefaultPartitioner
from hypothesis import given
from hypothesis import strategies as st

from stream_app.transport.clients import KeyPartitioner


@given(st.binary(max_size=60), st.integers(1, 40))
def test_the_partition_of_a_key_is_kafkas_own(key: bytes, count: int) -> None:
    partitions = list(range(count))

    assert KeyPartitioner()(key, partitions, partitions) == DefaultPartitioner()(
        key, partitions, partitions
    )


@pytest.mark.parametrize("available", [[3], []])
def test_a_message_without_a_key_goes_to_any(available: list[int]) -> None:
    """To one that is available, where one is."""
    assert KeyPartitioner()(None, [1, 2, 3], available) in (available or [1, 2, 3])
