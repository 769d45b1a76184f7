"""The cases in which Faust's own bookkeeping commits too much."""

from stream_app.transport.acknowledgements import AckTracker


def test_an_acknowledgement_does_not_pass_the_committed_message() -> None:
    """Faust: committed 31, acknowledged 32 commits 33, and message 31 is lost."""
    tracker = AckTracker(31)
    tracker.deliver(31)
    tracker.deliver(32)

    tracker.acknowledge(32)

    assert tracker.committable() is None
    assert tracker.unacknowledged == 1


def test_nothing_committed_and_a_late_acknowledgement_commit_nothing() -> None:
    """Faust: nothing committed, acknowledged 500 commits 501."""
    tracker = AckTracker()
    for offset in range(501):
        tracker.deliver(offset)

    tracker.acknowledge(500)

    assert tracker.committable() is None


def test_a_hole_in_the_log_does_not_swallow_the_next_message() -> None:
    """Faust takes the message after a hole for acknowledged."""
    tracker = AckTracker(10)
    tracker.deliver(10)
    tracker.deliver(15)

    tracker.acknowledge(10)

    assert tracker.committable() == 11


def test_a_message_that_comes_again_is_not_new() -> None:
    """A rewind within a generation must not process anything twice."""
    tracker = AckTracker(3)

    assert tracker.deliver(3)
    assert not tracker.deliver(3)
    assert not tracker.deliver(2)
