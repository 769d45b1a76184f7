"""Speech recognition: `engine.load_engine` loads an engine, `guards` judges what it wrote.

Folders, each importing only those before it: `core`, `checkpoints`, `exporting`, `decoding`,
`backends`. `partials` and `writing` stand beside them on `core`.
"""
