"""The Kubernetes API on loopback: storage with a revision log, discovery, watches, patches, and one ASGI app."""
