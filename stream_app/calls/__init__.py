"""Pure state machines of a call: message in, effects out; no Faust, no clock, no I/O."""
