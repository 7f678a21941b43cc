"""gRPC over HTTP/2, as much of it as the servers need that the conformance suites deploy.

The document is PROTOCOL-HTTP2.md of the gRPC project; messages are in the protobuf wire format.
"""
