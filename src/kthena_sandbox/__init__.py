"""A Kubernetes-compatible control plane and kubelet on loopback, to learn, develop and test with."""

__version__ = "0.1.0"
