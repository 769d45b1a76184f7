"""The machine of `transcribe`: audio in; speech activity, partials and finals out."""
