"""A worker: the supervisor, the process of each agent, and the Faust app inside."""
