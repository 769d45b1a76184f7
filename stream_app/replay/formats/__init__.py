"""The audio of recordings: which files are read, and how.

`suffixes` says which names are audio, `readers` opens the files of a call, and `wav`, `mended_wav`,
`packed`, `decoded` and `container` read one kind of file each, all as the `AudioSource` of
`sources`; `resampled` brings a rate that no call has to one that calls have.
"""
