"""The controllers of the sandbox: Deployments, ReplicaSets, namespaces, service accounts, garbage."""
