"""Calls and replays drawn on a terminal."""
