"""Texts of calls in the forms of the public data sets, a few words each."""

import gzip
import json
from pathlib import Path

_ROWS = {
    "sgd/train.jsonl.gz": {"turns": [{"utterance": "Hello, my order number is 4271."}]},
    "taskmaster4/dialogues.jsonl.gz": {"turns": [{"text": "a latte, it is $4.50, please"}]},
    "multidogo/train_turns.jsonl.gz": {"utterance": "my name is kavisri"},
    "banking77/train.jsonl.gz": {"text": "Is the card still coming?"},
    "clinc150/train.jsonl.gz": {"text": "please transfer the balance"},
    "helpline_calls/calls.jsonl.gz": {"text": "Hi there, I'm Rhoda."},
    "earnings21/calls.jsonl.gz": {"turns": [{"text": "Good morning and welcome"}]},
    "earnings22_aligned/calls.jsonl.gz": {"words": [["Greetings.", "1", 0.0, 0.5]]},
    "evi/turns.jsonl.gz": {"transcription": "whiskey 2 0 alpha bravo"},
}


def write_call_texts(folder: Path) -> Path:
    """Write one row of every source; return the folder."""
    for name, row in _ROWS.items():
        path = folder / name
        path.parent.mkdir(parents=True)
        with gzip.open(path, "wt", encoding="utf-8") as lines:
            lines.write(json.dumps(row) + "\n")
    return folder
