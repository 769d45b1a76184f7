"""The part of the HTTP server that classifies texts and takes corrections of labels."""
