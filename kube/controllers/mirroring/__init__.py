"""EndpointSlices for Endpoints that somebody writes by hand, so that proxies need to read slices only."""
