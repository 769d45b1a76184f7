"""Everything about a topic follows from its row."""

import msgspec
import pytest

from schemas import catalogue
from schemas.catalogue import MESSAGE_TYPES, TOPICS, TopicSpec
from schemas.errors import MalformedMessageError
from tests.contract.audio_examples import AUDIO_EXAMPLES
from tests.contract.examples import JSON_EXAMPLES, example_id

EXAMPLES = (*AUDIO_EXAMPLES, *JSON_EXAMPLES)


@pytest.mark.parametrize("message", EXAMPLES, ids=example_id)
def test_a_message_comes_back_from_its_topic(message: msgspec.Struct) -> None:
    name = catalogue.topic_of(message)

    assert catalogue.decode(name, catalogue.encode(message)) == message


@pytest.mark.parametrize("message", EXAMPLES, ids=example_id)
def test_a_message_is_refused_on_every_other_topic(message: msgspec.Struct) -> None:
    others = [spec for spec in TOPICS if spec.name != catalogue.topic_of(message)]

    for spec in others:
        with pytest.raises(MalformedMessageError):
            spec.decode(catalogue.encode(message))


def test_a_type_stands_in_one_row() -> None:
    """Or its messages would have two topics."""
    assert sum(len(spec.types) for spec in TOPICS) == len(set(MESSAGE_TYPES))


@pytest.mark.parametrize("spec", TOPICS, ids=lambda spec: spec.name)
def test_a_row_has_the_form_of_its_messages(spec: TopicSpec) -> None:
    assert (spec.value_format == "msgpack") == (spec.name == catalogue.AUDIO)
    assert (spec.value_format == "bytes") <= (spec.messages is None)
    assert all(issubclass(each, msgspec.Struct) for each in spec.types)
