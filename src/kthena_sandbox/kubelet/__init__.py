"""The kubelet of the sandbox's one node: places pods, gives them addresses and runs what it knows."""
