"""The small endpoint picker (`lwepp`) that the conformance suite of the Inference Extension deploys.

A gateway asks it over Envoy's protocol ext_proc which endpoint of an InferencePool a request should go to.
"""
