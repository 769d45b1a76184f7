"""The offset of an open call's first message, in checkpoints that do not hold what it took in."""

from schemas.errors import MalformedMessageError
from schemas.operations import Checkpoint

FIRST_OFFSET = "first_offset"  # in the state of such a checkpoint


def first_offset(checkpoint: Checkpoint) -> int:
    """Return the offset of a call's first message, from where an open call is read again.

    Raises:
        MalformedMessageError: The checkpoint is closed, or of another agent or version.
    """
    offset = checkpoint.state.get(FIRST_OFFSET)
    if not isinstance(offset, int):
        message = f"the checkpoint of {checkpoint.agent} holds no offset to read again from"
        raise MalformedMessageError(message)
    return offset
