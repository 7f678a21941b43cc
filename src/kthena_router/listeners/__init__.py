"""The listening side: sockets, the servers on them, and the manager that opens and closes ports."""
