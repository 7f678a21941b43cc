"""The echo server of the Gateway API's conformance suites, as far as the suites for HTTP routes use it.

It answers as the program of the image `echo-basic` does: with what it was asked, as JSON, and a line in its log.
"""
