"""CoreDNS, as much of it as the Gateway API's conformance suite asks: the plugin `whoami` over UDP."""
