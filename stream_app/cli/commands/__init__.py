"""The commands, a module each; `stream_app.cli.app` names them."""
