"""Recorded calls produced to `calls.audio.v1` as a live gateway would produce them.

`discovery` finds the calls in paths, `readers` opens their audio, `chunker` cuts it, `script`
makes the messages, `pacer` waits until each is due, `publisher` produces them, and `session` runs
many calls at once.
"""
