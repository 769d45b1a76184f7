from stream_app.settings import KafkaSettings
from stream_app.transport.broker import embedded_limits


def test_sessions_on_the_embedded_broker_are_short_because_joining_takes_half_of_one() -> None:
    limits = embedded_limits(KafkaSettings())

    assert limits["session_timeout_s"] == 6.0
    assert limits["heartbeat_s"] == 1.5


def test_a_session_that_is_shorter_still_stays_as_it_is_set() -> None:
    limits = embedded_limits(KafkaSettings(session_timeout_s=3.0, heartbeat_s=0.5))

    assert limits["session_timeout_s"] == 3.0
    assert limits["heartbeat_s"] == 0.5
