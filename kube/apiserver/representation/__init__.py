"""The versions and forms an object is stored and shown in: `conversion` between versions, `views` for what is asked for."""
