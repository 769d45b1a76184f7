"""Calls that are only ever tested on."""
