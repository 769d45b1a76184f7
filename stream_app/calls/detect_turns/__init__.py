"""The machine of `detect_turns`: transcripts in; turns, interruptions and predictions out."""
