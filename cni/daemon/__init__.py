"""The warm process behind the plugin executables: answers calls, heals what others break, forgets the dead."""
