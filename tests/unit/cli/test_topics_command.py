"""What `callstream topics create` says of topics that it did not make."""

from schemas import catalogue
from schemas.catalogue import TopicSpec
from stream_app.cli.commands.topics import left_as_they_are
from stream_app.transport.topics import TopicState


def state(name: str, *differences: str) -> TopicState:
    return TopicState(TopicSpec(name, "json", 1), name, 3, 1, {}, differences)


def test_settings_that_somebody_chose_are_named_and_left() -> None:
    """An operator may keep messages for longer: the rest of the system starts all the same."""
    wrong = ("retention.ms is 9 instead of 1", "2 replicas instead of 3")

    (note,) = left_as_they_are((state(catalogue.AUDIO, *wrong), state(catalogue.TURNS)))

    assert note == f"note: {catalogue.AUDIO} exists: {'; '.join(wrong)}; left as it is"
