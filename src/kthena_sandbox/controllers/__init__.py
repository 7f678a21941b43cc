"""The controllers of the sandbox: Deployments, ReplicaSets, namespaces, garbage, EndpointSlices."""
