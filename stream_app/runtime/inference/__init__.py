"""The queue of requests to the model, the thread that runs it, and its failures."""
