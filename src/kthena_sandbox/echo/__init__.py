"""The echo server of the Gateway API's conformance suites.

It answers as the program of the image `echo-basic` does: with what it was asked and by which pod, over HTTP, gRPC, TCP or UDP,
and with a line in its log.
"""
