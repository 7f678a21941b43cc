"""The door to the Kubernetes API: watch, compile, report."""
