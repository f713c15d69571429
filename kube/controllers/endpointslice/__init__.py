"""EndpointSlice: the pods behind each Service, in slices that change as little as possible."""
