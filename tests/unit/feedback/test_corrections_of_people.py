"""What a person says of a call becomes a message that its topic takes, or one clear error."""

import asyncio

import pytest

from schemas.base import MAX_CALL_ID, MAX_NAME
from schemas.classification import MAX_NOTE, LabelCorrected
from schemas.errors import CallstreamError, ConfigurationError
from stream_app.feedback.correction import Said, correct_label
from stream_app.feedback.topic import FeedbackWriter, holding
from stream_app.settings import Settings
from tests.support.models.classified_calls import SHOP, corrected


def said(**fields: object) -> Said:
    values: dict[str, object] = {"call_id": "call-1", "task": "subject", "labels": ["Late"]}
    return Said(**{**values, "by": "Ann", **fields})  # type: ignore[arg-type]


def test_a_label_is_written_as_the_label_set_names_it() -> None:
    message = correct_label(SHOP, said(labels=["DEFECT", "broken"], corrected=["late"]))

    assert (message.label_set, message.task) == ("shop", "subject")
    assert (message.labels, message.corrected) == (("Broken",), ("Late",))


def test_what_an_earlier_version_had_said_is_kept_although_its_label_is_no_more() -> None:
    """A person who corrects it names what the message of the old answer has."""
    message = correct_label(SHOP, said(corrected=["Lost", " ", "DEFECT"], model="shop1@aaaaaaaa"))

    assert message.corrected == ("Lost", "Broken")


def test_each_correction_has_an_id_of_its_own() -> None:
    """The same words twice are two corrections: the later one may undo one between them."""
    ids = {correct_label(SHOP, said()).event_id for _ in range(50)}

    assert len(ids) == 50
    assert all(each.startswith("call-1/label_corrected/subject/") for each in ids)


def test_no_label_says_that_none_holds() -> None:
    assert correct_label(SHOP, said(labels=[])).labels == ()


def test_a_task_with_several_labels_takes_several() -> None:
    assert correct_label(SHOP, said(task="moods", labels=["sad", "angry"])).labels == (
        "Sad",
        "Angry",
    )


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"labels": ["Lost"]}, "no label 'Lost', but Broken, Late, Refund"),
        ({"corrected": ["a" * (MAX_NAME + 1)]}, "cannot be written"),
        ({"task": "colour"}, "no task 'colour', but area, subject, moods, urgency"),
        ({"labels": ["Late", "Refund"]}, "one label a call, not Late, Refund"),
        ({"call_id": ""}, "cannot be written"),
        ({"call_id": "a\nb"}, "cannot be written"),
        ({"call_id": "a" * (MAX_CALL_ID + 1)}, "cannot be written"),
        ({"note": "a" * (MAX_NOTE + 1)}, "cannot be written"),
    ],
)
def test_what_cannot_be_meant_is_refused_with_what_can(
    fields: dict[str, object], words: str
) -> None:
    with pytest.raises(ConfigurationError, match=words):
        correct_label(SHOP, said(**fields))


def test_the_last_correction_of_a_call_and_task_holds() -> None:
    def message(number: int, call_id: str, label: str, task: str = "subject") -> LabelCorrected:
        return LabelCorrected(
            event_id=str(number),
            call_id=call_id,
            captured_at_ns=0,
            label_set="shop",
            task=task,
            labels=(label,),
        )

    messages = [
        message(1, "a", "Late"),
        message(2, "b", "Late"),
        message(3, "a", "High", "urgency"),
        message(4, "a", "Broken"),
        message(5, "b", "Refund"),
    ]

    assert [each.event_id for each in holding(messages)] == ["3", "4", "5"]


def test_without_brokers_every_write_fails_by_itself() -> None:
    """Each tries again: the brokers may be back."""
    settings = Settings().replace(kafka={"bootstrap_servers": "127.0.0.1:1"})

    async def write_twice() -> list[str]:
        writer = FeedbackWriter(settings.kafka, timeout_s=5.0)
        found = []
        for _ in range(2):
            with pytest.raises(CallstreamError) as failure:
                await writer.write(corrected("call-1", "subject", "Late"))
            found.append(str(failure.value))
        await writer.close()
        return found

    assert all("127.0.0.1:1" in reason for reason in asyncio.run(write_twice()))
