"""The end of a turn: how probable it is that a speaker has finished, by what was said."""
